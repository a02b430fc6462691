"""One controls, the others watch: asked for, allowed, handed over, taken back; and refused (R10, R11).

Marie (United States) is at work; Sam, a level 3 in Canada here, joins to watch. Real `ssh` on both
sides, through a real relay; the terminals speak the site's French.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from bedside.demo.check import HOST, Journey, journals_agree
from bedside.demo.people import DEVICE, MARIE, SAM, Person
from bedside.demo.processes import wait_for
from bedside.protocol.local import OpenSession
from bedside.testing.openssh import OpenSsh
from bedside.vocabulary import Activity, Mode
from tests.journeys.play import device_ending
from tests.journeys.records import console_records, device_records
from tests.journeys.refusals import Scene

pytestmark = pytest.mark.journey

SAM_ABROAD = """
[[people]]
email = "sam@bayard.example"
name = "Sam Okafor"
organisation = "bayard"
role = "specialist"
language = "en"
level = 3
country = "CA"
vetted_on = "2026-01-15"
training = [{ product = "contrast-injector", from = "2026-01-01" }]
"""
WATCHES_ONLY = """
[[start_rules]]
level = 2
country = "US"
start = ["view", "control"]
join = ["view", "control"]
[[start_rules]]
level = 3
country = "CA"
start = []
join = ["view"]
"""
TAKE = b"\x14"


class Terminal:
    """Somebody's `ssh` on a terminal: what it says, and what they type."""

    def __init__(self, ssh: OpenSsh) -> None:
        self.process = ssh.start("ssh", "-tt", HOST)
        self._heard = b""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := self.process.stdout.read1(65536):  # type: ignore[attr-defined]
            with self._news:
                self._heard += data
                self._news.notify_all()

    def says(self, what: str) -> str:
        """Wait until it has said `what`, and return all that came up to there, which is forgotten."""
        wanted = what.encode()
        with self._news:
            if not self._news.wait_for(lambda: wanted in self._heard, 60):
                raise TimeoutError(f"no {what!r} in {self._heard!r}")
            before, _, self._heard = self._heard.partition(wanted)
        return before.decode("utf-8", "replace")

    def types(self, data: bytes) -> None:
        """Press keys."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close(self) -> None:
        """Close the window."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(60)
        self._reader.join(10)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()


class Pair:
    """Marie in a terminal, Sam watching it."""

    def __init__(self, scene: Scene, closing: ExitStack) -> None:
        self.scene, self.journey = scene, scene.journey
        self.marie = self.journey.let_in(MARIE, "--access", "system", "--mode", "control")
        self.hers = self._opens(self.marie, closing)
        self.written = scene.world.device.folder / "by-marie"
        self.hers.types(b"echo ready $((40+2))\n")
        self.hers.says("ready 42")
        self.host = scene.newest()["id"]
        self.sam = self._joins()
        self.his = self._opens(self.sam, closing)
        self.his.says("Ctrl-D")
        self.sees(lambda session: bool(session.joined and session.joined.watches))

    def _opens(self, ssh: OpenSsh, closing: ExitStack) -> Terminal:
        terminal = Terminal(ssh)
        closing.callback(terminal.close)
        return terminal

    def _joins(self) -> OpenSsh:
        operator = self.journey.operator
        with self.journey.request(SAM, "--join", self.host) as asking:
            try:
                assert operator.asked().joins == self.host
                operator.accept()
                said, _ = asking.communicate(timeout=60)
            finally:
                asking.kill()
        assert asking.returncode == 0, said
        status = operator.wait_for("the code", lambda s: bool(s.session and s.session.joined))
        assert status.session is not None
        assert status.session.joined is not None
        ssh = self.journey.openssh(SAM)
        ssh.answers(
            credential=self.journey.world.support_credential,
            code=status.session.joined.presence_code or "",
        )
        return ssh

    def sees(self, what) -> OpenSession:  # type: ignore[no-untyped-def]
        """Wait until the panel shows it of the session; return that."""
        holds = lambda s: s.session is not None and what(s.session)  # noqa: E731
        session = self.journey.operator.wait_for("who controls", holds).session
        assert session is not None
        return session

    def asks(self) -> "subprocess.Popen[str]":
        """Sam asks for control, and waits."""
        words = ["ask", DEVICE, "--case", "C-88213", "--reason", "I know this fault"]
        return subprocess.Popen(
            [sys.executable, "-m", "bedside", "control", *words],
            env=dict(self.journey.world.specialist_environment(SAM)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def command(self, person: Person, *words: str) -> tuple[int, str]:
        """Run `bedside control WORDS...` as a person; returns status and what it said."""
        ssh = self.marie if person is MARIE else self.sam
        done = ssh.run_program([sys.executable, "-m", "bedside", "control", *words])
        return done.returncode, (done.stdout + done.stderr).decode()

    def is_allowed(self) -> str:
        """Sam asks, the operator allows it; returns the session of the hand-over."""
        with self.asks() as asking:
            try:
                asked = self.journey.operator.asked()
                assert (asked.mode, asked.person.country) == (Mode.CONTROL, "CA")
                self.journey.operator.accept()
                said, _ = asking.communicate(timeout=60)
            finally:
                asking.kill()
        assert asking.returncode == 0, said
        assert "press Ctrl-T" in said
        return str(asked.session)

    def hands_over(self) -> str:
        """All of it, until Sam controls."""
        control = self.is_allowed()
        status, said = self.command(MARIE, "hand", DEVICE, SAM.name)
        assert status == 0, said
        self.his.says("Ctrl-T la prend")
        self.his.types(TAKE)
        self.his.says("vous avez maintenant la prise en main")
        self.sees(lambda session: session.joined.controls)
        return control


@pytest.fixture(scope="module")
def people(scene: Scene) -> None:
    """Sam is a level 3 in Canada who knows the injector, and has logged in."""
    scene.apply(SAM_ABROAD)
    scene.journey.log_in(SAM)


@pytest.fixture
def pair(scene: Scene, people: None) -> Iterator[Pair]:
    with ExitStack() as closing:
        yield Pair(scene, closing)
        scene.operator.stop()
    scene.journey.idle()
    scene.operator.verify()
    for person in (MARIE, SAM):
        scene.world.specialist(person, "end", DEVICE, check=False)


def test_asked_for_allowed_handed_over_typed_and_taken_back(pair: Pair) -> None:
    control = pair.is_allowed()
    pair.hers.says(f"bedside control hand {DEVICE} 'Sam Okafor'")
    status, said = pair.command(SAM, "take", DEVICE)
    assert (status, "ne vous a pas été cédée" in said) == (77, True)
    status, said = pair.command(MARIE, "hand", DEVICE, SAM.name)
    assert status == 0, said
    assert not pair.sees(lambda session: session.joined.may_control).joined.controls
    pair.his.says("Ctrl-T la prend")
    pair.his.types(TAKE)
    pair.hers.says("Sam Okafor a maintenant la prise en main")
    pair.sees(lambda session: session.joined.controls)
    assert pair.journey.operator.status.activity is Activity.CONTROLLING
    pair.his.types(b"echo by sam $((40+2))\n")
    pair.hers.says("by sam 42")
    pair.hers.types(f"touch {pair.written}\n".encode())
    pair.hers.says("vos touches n’atteignent pas l’appareil")
    pair.his.types(b"echo seen $((1+1))\n")
    assert "by-marie" not in pair.his.says("seen 2")
    assert not pair.written.exists()
    refused = pair.marie.run("ssh", HOST, "echo hi")
    assert refused.returncode == 77
    # The console shows what the device told of it.
    console = pair.scene.console(MARIE)
    wait_for("control at the console", lambda: _state(console, control) == "live_control")
    wait_for("observation at the console", lambda: _state(console, pair.host) == "live_view")
    pair.hers.types(TAKE)
    pair.his.says("a de nouveau la prise en main")
    assert device_ending(pair.scene.world, control) == "by_specialist"
    pair.hers.types(b"echo by marie $((40+2))\n")
    pair.his.says("by marie 42")
    pair.his.types(b"x")
    pair.his.says("vos touches n’atteignent pas l’appareil")
    wait_for("control back at the console", lambda: _state(console, pair.host) == "live_control")
    for records in (device_records, console_records):
        told = {r.action for r in records(pair.scene.world) if r.session == control}
        assert "session:life:ended" in told
    turns = [r.action for r in device_records(pair.scene.world) if r.session == pair.host]
    assert [each for each in turns if each.startswith("session:control:")] == [
        "session:control:offered",
        "session:control:passed",
        "session:control:taken",
    ]
    journals_agree(pair.journey)


def _state(console, session: str) -> str:  # type: ignore[no-untyped-def]
    return str(console.get(f"/sessions/{session}")["state"])


def test_the_operator_refuses_and_everything_stays_as_it_was(pair: Pair) -> None:
    with pair.asks() as asking:
        try:
            pair.journey.operator.refuse()
            said, _ = asking.communicate(timeout=60)
        finally:
            asking.kill()
    assert asking.returncode == 6, said
    assert "consent" in said
    status, said = pair.command(MARIE, "hand", DEVICE, SAM.name)
    assert (status, "personne de ce nom" in said) == (77, True)
    pair.his.types(b"x")
    pair.his.says("vos touches n’atteignent pas l’appareil")
    pair.hers.types(b"echo still $((40+2))\n")
    pair.his.says("still 42")


def test_the_rules_refuse_control_to_whoever_may_only_watch(pair: Pair) -> None:
    pair.scene.apply(WATCHES_ONLY)
    with pair.asks() as asking:
        said, _ = asking.communicate(timeout=60)
    assert asking.returncode == 5, said
    assert "country" in said
    assert pair.journey.operator.status.request is None
    both = WATCHES_ONLY.replace('join = ["view"]', 'join = ["view", "control"]')
    pair.scene.apply(both)
    pair.is_allowed()


def test_whoever_closes_the_window_controls_no_more_and_nobody_does(pair: Pair) -> None:
    control = pair.hands_over()
    pair.his.close()
    assert device_ending(pair.scene.world, control) == "partner_lost"
    pair.hers.says("Personne ne l’a")
    pair.sees(lambda session: not session.joined.controls)
    assert pair.journey.operator.status.activity is Activity.VIEWING
    pair.hers.types(f"touch {pair.written}\n".encode())
    pair.hers.says("vous n’avez pas la prise en main")
    status, said = pair.command(MARIE, "take", DEVICE)
    assert status == 0, said
    pair.hers.types(b"echo back $((40+2))\n")
    pair.hers.says("back 42")
    assert not pair.written.exists()
    pair.journey.operator.wait_for(
        "control shown", lambda status: status.activity is Activity.CONTROLLING
    )


def test_stop_ends_all_of_it(pair: Pair, journey: Journey) -> None:
    control = pair.hands_over()
    journey.operator.stop()
    journey.idle()
    assert device_ending(pair.scene.world, control) == "by_operator"
    for terminal in (pair.hers, pair.his):
        assert terminal.process.wait(60) == 255
