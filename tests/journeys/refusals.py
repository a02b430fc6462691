"""What the journeys of refusals share: ask, be refused, and find the gate wherever it was seen."""

import subprocess
import sys
from dataclasses import dataclass, replace

from bedside.demo.check import Journey
from bedside.demo.device import InjectorDevice
from bedside.demo.people import MARIE, Person
from bedside.demo.processes import wait_for
from bedside.demo.world import World
from bedside.language import Language
from bedside.specialist.api import Console, Json
from bedside.specialist.store import load_login
from bedside.testing.operator import Operator
from bedside.testing.sockets import answers
from bedside.vocabulary import Activity, Gate, Permission
from tests.console.standing import Standing
from tests.journeys.records import (
    console_records,
    device_records,
    gates,
    reported_records,
)

__all__ = ["Refused", "Scene", "agent_command", "in_time"]

_OPEN = {
    "session:tunnel:opened",
    "session:authentication:succeeded",
    "session:channel:opened",
    "session:file:sent",
    "session:file:received",
    "session:life:live",
}


@dataclass(frozen=True)
class Refused:
    """What the person saw of a refused request, and which session it was."""

    code: int
    said: str
    session: str


class Scene:
    """A world with people in it who are refused, and let in."""

    def __init__(self, world: World, journey: Journey) -> None:
        self.world = world
        self.journey = journey
        self._lines: dict[str, Console] = {}
        self._standing = Standing(world.console_config)

    def meet_the_operator(self) -> None:
        """Stand at the device again, after its agent was started anew."""
        path = self.world.device.panel_socket
        in_time("the agent's panel", lambda: answers(path))
        self.journey.operator = Operator(path)

    def close(self) -> None:
        """Hang up every line to the console."""
        for line in self._lines.values():
            line.close()
        self._standing.end()

    @property
    def operator(self) -> Operator:
        """The person at the device."""
        return self.journey.operator

    # ---- what people do ----

    def log_in_again(self, person: Person) -> None:
        """A person whose tokens have ended logs in anew."""
        if (line := self._lines.pop(person.key, None)) is not None:
            line.close()
        self.journey.log_in(person)

    def ask(self, *words: str) -> Refused:
        """Ask and wait until the request is over; nobody at the device answers."""
        with self.journey.request(MARIE, *words) as asking:
            return self.told(asking)

    def told(self, asking: "subprocess.Popen[str]") -> Refused:
        """Return how a request that was started has ended, once it has."""
        try:
            said, _ = asking.communicate(timeout=90)
        finally:
            asking.kill()
        return Refused(asking.returncode, said, self.newest()["id"])

    def newest(self) -> Json:
        """Return the newest session that the console knows, as the specialist sees it."""
        return next(self.console(MARIE).pages("/sessions"))

    def console(self, person: Person) -> Console:
        """Return a person's own line to the console; they are logged in."""
        if person.key not in self._lines:
            login = load_login(self.world.home(person) / "config" / "login.json")
            assert login is not None
            self._lines[person.key] = Console(login, language=Language(person.language))
        return self._lines[person.key]

    def empowered(self, person: Person, *scope: Permission) -> Console:
        """Return a line with a token that the person made for these acts, as their own page does."""
        lines = (
            "from bedside.console.accounts.models import User",
            "from bedside.console.accounts.program_tokens import do_make_token",
            "from bedside.vocabulary import Permission",
            f"user = User.objects.get(email={person.email!r})",
            f"scope = [Permission(each) for each in {[each.value for each in scope]!r}]",
            "print(do_make_token(user, 'act', scope=scope, days=1)[1])",
        )
        said = self.script("\n".join(lines))
        login = load_login(self.world.home(person) / "config" / "login.json")
        assert login is not None
        name = f"{person.key} {scope}"
        named = replace(login, token=said.split()[-1])
        self._lines[name] = Console(named, language=Language(person.language))
        return self._lines[name]

    def apply(self, text: str) -> None:
        """Have the administrator apply some lines of a world file."""
        file = self.world.folder / "change.toml"
        file.write_text(text, encoding="utf-8")
        self.script(
            f"from bedside.console.cli import main\nraise SystemExit(main(['apply', {str(file)!r}]))"
        )

    def script(self, code: str) -> str:
        """Run Python as one of the console's own commands; return what it printed."""
        return self._standing.script(code)

    def forge(self, kind: str, session: str = "") -> str:
        """Have the holder of the console's keys send an order; returns the session."""
        called = f"main({kind!r}, {session!r})"
        return self.script(f"from tests.journeys.forge import main\nprint({called})").strip()

    # ---- what must be true ----

    def is_let_ask(self, *words: str) -> None:
        """The acceptance beside a refusal: the same request reaches the operator, who says no."""
        with self.journey.request(MARIE, *words) as asking:
            try:
                self.operator.refuse()
                self.told(asking)
            finally:
                asking.kill()
        self.journey.idle()

    def was_refused_at_the_console(self, refused: Refused, gate: Gate) -> None:
        """The person sees the gate, the console's journal has it, and no one else ever heard."""
        assert refused.code == 5, refused.said
        assert gate.value in refused.said
        seen = [r for r in console_records(self.world) if r.session == refused.session]
        assert [(r.action, r.gate) for r in seen] == [("session:request:refused", gate)]
        assert refused.session not in {r.session for r in device_records(self.world)}
        self.nothing_opened(refused.session)

    def was_refused_at_the_device(self, session: str, gate: Gate) -> None:
        """The device's journal has the gate, then the console's, and the console's copy of it."""
        in_time(f"{gate} in the device's journal", lambda: self._of(device_records, session, gate))
        in_time(f"{gate} in the copy", lambda: self._of(reported_records, session, gate))
        in_time(f"{gate} in the console's", lambda: self._of(console_records, session, gate))
        assert self.console(MARIE).get(f"/sessions/{session}")["gate"] == gate
        self.nothing_opened(session)

    def was_refused_in_the_tunnel(self, session: str, gate: Gate) -> None:
        """As at the device, of a session whose tunnel was up when it was refused."""
        in_time(f"{gate} in the copy", lambda: self._of(reported_records, session, gate))
        in_time(f"{gate} in the console's", lambda: self._of(console_records, session, gate))
        assert self.console(MARIE).get(f"/sessions/{session}")["gate"] == gate
        self.nothing_opened(session, but=frozenset({"session:tunnel:opened"}))

    def _of(self, read, session: str, gate: Gate) -> bool:  # type: ignore[no-untyped-def]
        return gate in gates(read(self.world), session)

    def nothing_opened(self, session: str, *, but: frozenset[str] = frozenset()) -> None:
        """No journal knows of anything that opened in this session; nobody is shown as inside."""
        found = [
            r.action
            for read in (device_records, console_records)
            for r in read(self.world)
            if r.session == session and r.action in _OPEN - but and r.outcome == "success"
        ]
        assert not found
        inside = (Activity.VIEWING, Activity.CONTROLLING)
        assert not [
            status
            for status in self.operator.seen
            if status.session is not None
            and status.session.session == session
            and status.activity in inside
        ]

    def nobody_was_asked(self, session: str) -> None:
        """The operator never saw a question of this session."""
        asked = {status.request.session for status in self.operator.seen if status.request}
        assert session not in asked

    def relay_told(self, gate: Gate) -> bool:
        """Whether a relay reported a refusal by `gate` to the console's journal."""
        return any(
            r.action == "relay:connection:refused" and r.gate == gate
            for r in console_records(self.world)
        )


def agent_command(device: InjectorDevice, *words: str) -> list[str]:
    """Return an agent's command on `device`; without words it runs, and is started whenever it ends."""
    command = [sys.executable, "-m", "bedside", "agent", "--config", str(device.config)]
    return [*command, *words] if words else ["sh", "-c", device.guard([*command, "run"])]


def in_time(what: str, holds) -> None:  # type: ignore[no-untyped-def]
    """Wait until `holds()`; raises TimeoutError naming `what`."""
    wait_for(what, holds, within_s=60)
