"""The whole journey, unattended: what the demonstration shows, played with the real OpenSSH.

Each step asserts what its person relies on. The first that fails ends the check with its name.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bedside.demo.injector.physics import Fault
from bedside.demo.injector.store import CANARIES
from bedside.demo.people import DEVICE, MARIE, SAM, Person
from bedside.demo.processes import wait_for
from bedside.demo.world import World
from bedside.specialist.errors import ExitCode
from bedside.testing.browser import Browser
from bedside.testing.openssh import OpenSsh
from bedside.testing.operator import Operator
from bedside.testing.sockets import descendants, listening
from bedside.vocabulary import Activity

__all__ = ["CheckFailedError", "Journey", "journals_agree", "play"]

HOST = DEVICE.lower()
_CODE = re.compile(r"^\s*([A-Z]{4}-[A-Z]{4})\s*$", re.MULTILINE)


class CheckFailedError(RuntimeError):
    """A step of the journey did not hold; the message names it."""


class Journey:
    """People in a running world, and what they do one after another."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.operator = Operator(world.device.panel_socket)

    def close(self) -> None:
        """Leave the device."""
        self.operator.leave()

    def expect(self, holds: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
        """Raise CheckFailedError naming `what` unless it holds."""
        if not holds:
            raise CheckFailedError(what)

    # ---- what people do ----

    def log_in(self, person: Person) -> None:
        """Log in with the browser, password and code, as `bedside login` asks."""
        known = self.world.credentials[person.key]
        words = ["login", self.world.console_url, "--no-browser"]
        with subprocess.Popen(
            [sys.executable, "-m", "bedside", *words],
            env=dict(self.world.specialist_environment(person)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as login:
            assert login.stdout is not None
            try:
                said = "".join(login.stdout.readline() for _ in range(3))
                code = _CODE.search(said)
                if code is None:
                    raise CheckFailedError(f"log in: no code in: {said}{login.stdout.read()}")
                with Browser(self.world.console_url) as browser:
                    browser.sign_in(person.email, known.password, known.code)
                    browser.allow_program(code[1])
                rest, _ = login.communicate(timeout=60)
            finally:
                login.kill()
        self.expect(login.returncode == 0, f"log in of {person.name}: {rest}")

    def request(self, person: Person, *words: str) -> "subprocess.Popen[str]":
        """Start `bedside request` and let it wait for the operator."""
        asked = [sys.executable, "-m", "bedside", "request", DEVICE, "--case", "C-88213"]
        return subprocess.Popen(
            [*asked, "--reason", "Pressure fault E12 after power cut", *words],
            env=dict(self.world.specialist_environment(person)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def let_in(self, person: Person, *words: str) -> OpenSsh:
        """Ask, allow at the device, and return the client with the right answers."""
        with self.request(person, *words) as asking:
            try:
                code = self.operator.accept()
                said, _ = asking.communicate(timeout=60)
            finally:
                asking.kill()
        self.expect(asking.returncode == 0, f"let in: {said}")
        ssh = self.openssh(person)
        ssh.answers(credential=self.world.support_credential, code=code)
        return ssh

    def openssh(self, person: Person) -> OpenSsh:
        """Return a person's OpenSSH client, with the configuration that `bedside` wrote."""
        home = self.world.home(person)
        environment = self.world.specialist_environment(person)
        return OpenSsh(home / "config" / "ssh_config", environment, home / "answers")

    def idle(self) -> None:
        """Wait until nobody is connected any more."""
        self.operator.wait_for("idle", lambda status: status.activity is Activity.IDLE)

    def check_no_listener(self) -> None:
        """Nothing of the agent listens, loopback included (S14)."""
        found = listening(descendants(self.world.processes.pid("agent")))
        self.expect(not found, f"the agent listens: {found}")


def play(folder: Path, *, tell: Callable[[str], None]) -> None:
    """Build a world in `folder` and play the journey; `tell` gets a line for each step done.

    Raises CheckFailedError, or what a program of the world said when it failed.
    """
    with World(folder) as world:
        tell("✓ console, two relays, an injector and its agent run")
        world.device.break_down()
        journey = Journey(world)
        try:
            for name, step in STEPS:
                step(journey)
                journey.check_no_listener()
                tell(f"✓ {name}")
        finally:
            journey.close()


def _people_log_in(journey: Journey) -> None:
    journey.log_in(MARIE)
    journey.log_in(SAM)


def _rules_refuse(journey: Journey) -> None:
    refused = journey.request(SAM)
    said, _ = refused.communicate(timeout=60)
    journey.expect(refused.returncode == ExitCode.REFUSED, f"Sam was not refused: {said}")
    journey.expect("product_right" in said, f"the gate is not named: {said}")


def _operator_refuses(journey: Journey) -> None:
    asking = journey.request(MARIE)
    journey.operator.refuse()
    said, _ = asking.communicate(timeout=60)
    journey.expect(asking.returncode == ExitCode.SESSION_OVER, f"not refused: {said}")
    journey.idle()


def _fault_is_cleared(journey: Journey) -> None:
    ssh = journey.let_in(MARIE, "--access", "service", "--mode", "control")
    menu = ssh.run("ssh", "-tt", HOST, send=b"4\n5\n6\n0\n")
    said = menu.stdout.decode()
    journey.expect("38.0 kPa" in said, f"the menu did not find the fault: {said} {menu.stderr!r}")
    fault = journey.world.device.store.load().fault
    journey.expect(fault is Fault.NONE, f"the fault is still there: {said}")
    refused = ssh.run("ssh", HOST, "id")
    journey.expect(refused.returncode != 0, "a command ran in a service session")


def _operator_stops(journey: Journey) -> None:
    journey.operator.stop()
    journey.idle()
    ssh = journey.openssh(MARIE)
    journey.expect(ssh.run("ssh", HOST, "true").returncode != 0, "connected after Stop")
    journey.operator.verify()


def _system_works(journey: Journey) -> None:
    ssh = journey.let_in(MARIE, "--access", "system", "--mode", "control")
    shell = ssh.run("ssh", HOST, "echo from the device")
    journey.expect(shell.stdout == b"from the device\n", f"exec: {shell}")
    home = journey.world.home(MARIE)
    (home / "fix.cfg").write_text("limit = 8\n")
    put = ssh.run("scp", str(home / "fix.cfg"), f"{HOST}:/inbox/fix.cfg")
    journey.expect(put.returncode == 0, f"scp into the inbox: {put}")
    arrived = journey.world.device.inbox / "fix.cfg"
    journey.expect(arrived.read_text() == "limit = 8\n", "the file did not arrive whole")
    got = ssh.run("scp", f"{HOST}:/items/service.log", str(home / "service.log"))
    journey.expect(got.returncode == 0, f"scp of a data item: {got}")
    forward = ssh.run(
        "ssh", "-W", f"diagnostics:{journey.world.ports.diagnostics}", HOST,
        send=b"GET / HTTP/1.0\r\n\r\n",
    )  # fmt: skip
    journey.expect(b'"phase"' in forward.stdout, f"the named endpoint: {forward}")


def _rest_is_refused(journey: Journey) -> None:
    ssh = journey.openssh(MARIE)
    lan = ssh.run("ssh", "-W", "192.168.1.10:80", HOST)
    journey.expect(lan.returncode != 0, "a LAN address was reached")
    named = ssh.run("scp", f"{HOST}:/items/events.log", str(journey.world.home(MARIE) / "x"))
    journey.expect(named.returncode != 0, "a file that is no data item left")


def _specialist_ends(journey: Journey) -> None:
    ended = journey.world.specialist(MARIE, "end", DEVICE, check=False)
    journey.expect(ended.returncode == 0, f"end: {ended.stdout}{ended.stderr}")
    journey.idle()
    journey.operator.verify()


def journals_agree(journey: Journey) -> None:
    """Export both journals, verify each and reconcile them with `bedside audit`, as an auditor."""
    world, folder = journey.world, journey.world.folder / "exports"
    folder.mkdir(exist_ok=True)
    device, console = folder / "device.zip", folder / "console.zip"

    def agree() -> bool:
        for old in (device, console):
            old.unlink(missing_ok=True)
        # In this order: what a device has not sent yet is no fault, what it must have is one.
        world.console("journal", "export", str(console))
        world.agent("journal", "export", "--to", str(device))
        said = world.specialist(MARIE, "audit", "reconcile", str(console), str(device), check=False)
        verdicts.append(f"{said.stdout}{said.stderr}")
        return said.returncode == 0

    verdicts: list[str] = []
    try:
        wait_for("the journals to agree", agree)
    except TimeoutError:
        raise CheckFailedError(f"the journals do not agree: {verdicts[-1]}") from None
    for exported in (device, console):
        verified = world.specialist(MARIE, "audit", "verify", str(exported), check=False)
        journey.expect(verified.returncode == 0, f"{verified.stdout}{verified.stderr}")


def _no_patient_left(journey: Journey) -> None:
    """Search everything outside the device for the patients planted on it (S38)."""
    needles = [canary.split()[0].encode() for canary in CANARIES]
    for path in journey.world.folder.rglob("*"):
        if path.is_relative_to(journey.world.device.folder) or not path.is_file():
            continue
        data = path.read_bytes()
        found = [needle for needle in needles if needle in data]
        journey.expect(not found, f"a patient of the device is in {path.name}")


STEPS: tuple[tuple[str, Callable[[Journey], None]], ...] = (
    ("people log in with the browser, password and code", _people_log_in),
    ("the rules refuse a specialist without training, and name the gate", _rules_refuse),
    ("the operator refuses, and nothing opens", _operator_refuses),
    ("the operator allows; the service menu finds and clears the fault", _fault_is_cleared),
    ("the operator stops the session and verifies the device", _operator_stops),
    ("system access: commands, files both ways, the named endpoint", _system_works),
    ("a LAN address and a file that is no data item are refused", _rest_is_refused),
    ("the specialist ends the session", _specialist_ends),
    ("both journals verify and agree, without any server", journals_agree),
    ("no planted patient is found outside the device", _no_patient_left),
)
