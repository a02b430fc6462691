"""The whole world on one machine: console, two relays, one injector with its agent, its people.

Everything is made by the same commands that a manufacturer and a hospital would type; nothing in
here reaches behind them. The journeys of the tests build their worlds from this module too.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Self

from bedside.demo import device as injector
from bedside.demo.people import CAST, DEVICE, WORKSTATION, Credentials, Person, cast_anew
from bedside.demo.processes import Processes, free_port, wait_for
from bedside.testing.sockets import answers

__all__ = ["Ports", "World", "WorldError"]

RELAYS = ("a", "b")
PRODUCTS = ("contrast-injector", "workstation")
CONTACTS = """contacts = [
  { country = "CA", name = "Centre de soutien, Montréal", telephone = "+1 514 555 0199", hours = "lun-ven 08:00-20:00 (HE)" },
  { country = "US", name = "Support centre, Chicago", telephone = "+1 312 555 0100", hours = "24/7" },
]
"""


class WorldError(RuntimeError):
    """A command of the set-up failed; the message is what it said."""


@dataclass(frozen=True)
class Ports:
    """Where the programs of one world are, on the loopback of this machine."""

    web: int = field(default_factory=free_port)
    live: int = field(default_factory=free_port)
    feed: int = field(default_factory=free_port)
    relay_a: int = field(default_factory=free_port)
    relay_b: int = field(default_factory=free_port)
    diagnostics: int = field(default_factory=free_port)
    panel: int = field(default_factory=free_port)

    def relay(self, name: str) -> int:
        """Return the port of a relay by its name."""
        return {"a": self.relay_a, "b": self.relay_b}[name]


class World:
    """One world in one folder.

    Args:
        folder: where everything is kept; a world that is there already is used again.
        ports: where the programs listen; remembered with the folder.
        answer_s: how long an operator has to answer (seconds).
        idle_s: how long a session may be silent (seconds).
        limits: what the relays allow, where it is not their default (`relay.config.Limits`).
        database: the console's database, as its configuration names it; empty: SQLite in the folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ports: Ports | None = None,
        answer_s: int = 120,
        idle_s: int = 900,
        limits: Mapping[str, int] | None = None,
        database: str = "",
    ) -> None:
        self.folder = folder
        self._kept = folder / "world.json"
        self._answer_s, self._idle_s = answer_s, idle_s
        self._limits = {"drain_ms": 0, **(limits or {})}
        self._database = f'database = "{database}"\n' if database else ""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._kept.exists():
            kept = json.loads(self._kept.read_text())
            self.ports = Ports(**kept["ports"])
            self.credentials = {k: Credentials(**v) for k, v in kept["credentials"].items()}
            self.support_credential: str = kept["support_credential"]
        else:
            self.ports = ports or Ports()
            self.credentials = cast_anew()
            self.support_credential = f"bayard-{secrets.token_hex(4)}"
        self.device = injector.InjectorDevice(
            folder / "device", diagnostics_port=self.ports.diagnostics
        )
        self.processes = Processes(
            folder / "logs", environment={"BEDSIDE_CONSOLE_CONFIG": str(self.console_config)}
        )

    # ---- where things are ----

    @property
    def console_url(self) -> str:
        """The console's address for people."""
        return f"http://localhost:{self.ports.web}"

    @property
    def console_config(self) -> Path:
        """The console's configuration."""
        return self.folder / "console.toml"

    @property
    def built(self) -> bool:
        """Whether the folder holds a finished world."""
        return self._kept.exists()

    @property
    def _bundle(self) -> Path:
        return self.folder / "bundle.json"

    def relay_folder(self, name: str) -> Path:
        """Return the folder that the console made for a relay."""
        return self.folder / f"relay-{name}"

    def home(self, person: Person) -> Path:
        """Return the home of a person's command line."""
        return self.folder / "people" / person.key

    def code_of(self, email: str) -> str:
        """Return what a person's code generator shows now; raises WorldError for a stranger."""
        for person in CAST:
            if person.email == email:
                return self.credentials[person.key].code()
        raise WorldError(f"nobody here has the address {email}")

    # ---- making it ----

    def build(self) -> Self:
        """Make console, relays, people, device; enrol the device. Returns the world."""
        if self.built:
            return self
        self._write_console_config()
        (self.folder / "world.toml").touch(mode=0o600)
        (self.folder / "world.toml").write_text(self._world_file(), encoding="utf-8")
        commands = [
            ["init"],
            ["import-profile", *(str(self._profile(name)) for name in PRODUCTS)],
            ["apply", str(self.folder / "world.toml")],
            *(self._add_relay(name) for name in RELAYS),
            ["offer-enrolment", DEVICE, "--bundle", str(self._bundle)],
        ]
        said = self._run(["-m", "bedside.demo.batch"], answer=json.dumps(commands))
        for name in RELAYS:
            self._set_limits(self.relay_folder(name) / "relay.toml")
        (self.folder / "code").touch(mode=0o600)
        (self.folder / "code").write_text(said.splitlines()[-1])
        return self

    def _write_console_config(self) -> None:
        self.console_config.write_text(
            f'public_url = "{self.console_url}"\n'
            f'data_dir = "{self.folder / "console"}"\n'
            f'listen = "127.0.0.1:{self.ports.web}"\n'
            f'live_listen = "127.0.0.1:{self.ports.live}"\n'
            f'live_url = "http://localhost:{self.ports.live}"\n'
            f'relay_listen = "127.0.0.1:{self.ports.feed}"\n'
            'manufacturer = "Bayard Imaging"\n'
            f"{self._database}"
            # The demonstration's administrator signs in with a printed code; see console-config.
            "[sign_in]\npasskey_roles = []\n"
            f"[sessions]\nanswer_seconds = {self._answer_s}\nidle_seconds = {self._idle_s}\n",
            encoding="utf-8",
        )

    def _profile(self, name: str) -> Path:
        """Return the product's profile with the places of this world in it."""
        text = (files("bedside.demo") / "profiles" / f"{name}.toml").read_text("utf-8")
        placed = self.folder / f"{name}.toml"
        placed.write_text(self.device.place(text), encoding="utf-8")
        return placed

    def _add_relay(self, name: str) -> list[str]:
        port = str(self.ports.relay(name))
        return [
            "add-relay", name, "--host", "127.0.0.1", "--server-name", f"relay-{name}.bayard.example",
            "--port", port, "--listen", f"127.0.0.1:{port}", "--folder", str(self.relay_folder(name)),
        ]  # fmt: skip

    def _set_limits(self, config: Path) -> None:
        lines = [f"{name} = {value}" for name, value in self._limits.items()]
        with config.open("a", encoding="utf-8") as file:
            file.write("\n".join(["", "[limits]", *lines, ""]))

    def _world_file(self) -> str:
        return "\n".join(
            [
                _table("organisations", key="bayard", name="Bayard Imaging", kind="manufacturer",
                       country="US", language="en") + CONTACTS,
                _table("organisations", key="notre-dame", name="Hôpital Notre-Dame", kind="site",
                       country="CA", language="fr", timezone="America/Toronto"),
                _table("organisations", key="st-mary", name="St. Mary Medical Center", kind="site",
                       country="US", language="en", timezone="America/Chicago"),
                _table("devices", id=DEVICE, product="contrast-injector", site="notre-dame",
                       display_name="Injecteur, salle 3", room="3"),
                _table("devices", id=WORKSTATION, product="workstation", site="st-mary",
                       display_name="Workstation, reading room", room="R2"),
                _table("entitlements", site="notre-dame", **{"from": "2026-01-01"}),
                _table("entitlements", site="st-mary", **{"from": "2026-01-01"}),
                *(self._person(person) for person in CAST),
            ]
        )  # fmt: skip

    def _person(self, person: Person) -> str:
        known = self.credentials[person.key]
        facts: dict[str, object] = {
            "email": person.email,
            "name": person.name,
            "organisation": person.organisation,
            "role": person.role,
            "language": person.language,
            "password": known.password,
            "totp": known.totp,
            "vetted_on": "2026-01-15",
        }
        if person.level:
            facts["level"] = person.level
        if person.country:
            facts["country"] = person.country
        training = ", ".join(
            f'{{ product = "{product}", from = "2026-01-01" }}' for product in person.training
        )
        return _table("people", **facts) + (f"training = [{training}]\n" if training else "")

    def enrol(self) -> None:
        """Enrol the injector with a one-time code, and set its support credential."""
        code = (self.folder / "code").read_text()
        shutil.copy(self.folder / "console" / "manufacturer.pem", self.device.manufacturer)
        self.agent("enrol", "--bundle", str(self._bundle), "--code", code)
        self.agent("set-support-credential", answer=self.support_credential + "\n")

    # ---- running it ----

    def start(self) -> Self:
        """Start every program, enrol the device the first time, and wait until it has polled."""
        self.start_console()
        for name in RELAYS:
            self.start_relay(name)
        self._prepare_device()
        self.processes.start(
            "injector", self.device.command("run", "--port", str(self.ports.diagnostics))
        )
        if not self.built:
            self.enrol()
            self._keep()
        self.start_agent()
        return self

    def _prepare_device(self) -> None:
        """Lay the device out; its sessions' user may walk to its disk, and to nothing else of the world."""
        others = [self.folder / name for name in ("console", "logs", "people")]
        for folder in (*others, *map(self.relay_folder, RELAYS)):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
        self.folder.chmod(0o711)
        if not self.device.prepare(self._profile("contrast-injector")):
            self.folder.chmod(0o700)

    def _keep(self) -> None:
        kept = {
            "ports": asdict(self.ports),
            "credentials": {key: asdict(value) for key, value in self.credentials.items()},
            "support_credential": self.support_credential,
        }
        self._kept.touch(mode=0o600)
        self._kept.write_text(json.dumps(kept))

    def start_console(self) -> None:
        """Start the console's three processes and wait until they answer."""
        for name in ("live", "worker"):
            self.processes.bedside(name, "console", name)
        self.start_web()
        wait_for("the console's live process", self._live_listens)

    def start_web(self) -> None:
        """Start the console's pages and wait until they answer."""
        self.processes.bedside("web", "console", "web")
        wait_for("the console's pages", lambda: self._answers(f"{self.console_url}/account/login/"))

    def start_relay(self, name: str) -> None:
        """Start a relay and wait until it listens."""
        config = self.relay_folder(name) / "relay.toml"
        self.processes.bedside(f"relay-{name}", "relay", "run", "--config", str(config))
        wait_for(f"relay {name}", lambda: _listens(self.ports.relay(name)))

    def start_agent(self) -> None:
        """Start the agent as a service manager would: again whenever it ends."""
        self.processes.start("agent", ["sh", "-c", self.device.guard(self._agent("run"))])
        wait_for("the agent's panel socket", lambda: answers(self.device.panel_socket))

    def _answers(self, url: str) -> bool:
        self.processes.check()
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - ours
                return bool(answer.status == 200)
        except OSError:
            return False

    def _live_listens(self) -> bool:
        self.processes.check()
        return _listens(self.ports.live) and _listens(self.ports.feed)

    def close(self) -> None:
        """End every program."""
        self.processes.stop_all()

    def __enter__(self) -> Self:
        return self.build().start()

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # ---- commands ----

    def console(self, *words: str) -> str:
        """Run `bedside console WORDS...` and return what it printed."""
        return self._run(["-m", "bedside", "console", *words])

    def agent(self, *words: str, answer: str = "") -> str:
        """Run `bedside agent WORDS...` on the device and return what it printed."""
        return self._run(
            ["-m", "bedside", "agent", "--config", str(self.device.config), *words], answer=answer
        )

    def specialist(
        self, person: Person, *words: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run `bedside WORDS...` as a specialist on a computer of their own."""
        return subprocess.run(
            [sys.executable, "-m", "bedside", *words],
            env=self.specialist_environment(person),
            capture_output=True,
            text=True,
            check=check,
            timeout=300,
        )

    def specialist_environment(self, person: Person) -> Mapping[str, str]:
        """Return the environment of a specialist's computer."""
        language = {"fr": "fr_CA.UTF-8", "en": "en_US.UTF-8"}[person.language]
        inherited = dict(os.environ)  # noqa: TID251 - handed on to a child
        return {**inherited, "BEDSIDE_HOME": str(self.home(person)), "LC_ALL": language}

    def _agent(self, *words: str) -> list[str]:
        return [
            sys.executable,
            "-m",
            "bedside",
            "agent",
            "--config",
            str(self.device.config),
            *words,
        ]

    def _run(self, words: list[str], *, answer: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *words],
            input=answer,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "BEDSIDE_CONSOLE_CONFIG": str(self.console_config)},  # noqa: TID251
        )
        if done.returncode:
            said = f"{done.stdout}{done.stderr}".strip()
            raise WorldError(f"{' '.join(words[1:5])}: exit {done.returncode}: {said}")
        return done.stdout


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _table(table: str, /, **values: object) -> str:
    # A JSON text or number is also a TOML one.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return f"[[{table}]]\n" + "\n".join(lines) + "\n"
