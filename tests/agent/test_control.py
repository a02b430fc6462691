"""Control is handed to somebody who joined: asked, allowed, handed over, taken back (R10, R11)."""

import asyncio
import contextlib
import json
import os
import signal
from base64 import b64decode
from dataclasses import replace

import pytest

from bedside.agent.joins import Showing
from bedside.protocol.orders import Consent
from bedside.vocabulary import AccessKind, Activity, Ending, Gate, Level, Mode, SiteAction
from tests.agent.test_joins import JEAN, joined, live, reads, types
from tests.agent.test_session_life import asked, ended, let_in, workers
from tests.agent.world import MARIE, World, wall_ms, world

TAKE = b"\x14"


def test_the_hand_over_adds_its_question_and_who_controls():
    told: list[dict] = []
    showing = Showing(told.append)
    showing.host({"activity": Activity.CONTROLLING, "session": {"session": "A"}})
    person = {"session": "B", "person": {"name": "Jean"}, "since_ms": 1}
    showing.join({"activity": Activity.VIEWING, "session": person})
    showing.control({"activity": Activity.ASKED, "request": {"session": "C"}, "session": None})
    assert told[-1]["request"] == {"session": "C"}
    assert told[-1]["activity"] is Activity.CONTROLLING
    assert told[-1]["session"]["joined"]["may_control"] is False
    showing.control({"activity": Activity.CONNECTING, "session": {"session": "C"}})
    assert told[-1]["request"] is None
    assert told[-1]["session"]["joined"]["may_control"] is True
    showing.control({"activity": Activity.CONTROLLING, "session": {"session": "C"}})
    showing.host({"activity": Activity.VIEWING, "session": {"session": "A"}})
    assert told[-1]["activity"] is Activity.CONTROLLING
    assert told[-1]["session"]["joined"]["controls"] is True
    showing.control({"activity": Activity.IDLE})
    assert told[-1]["activity"] is Activity.VIEWING
    assert told[-1]["session"]["joined"]["controls"] is False


pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]


@contextlib.asynccontextmanager
async def typing(shell):
    """Somebody types meanwhile, so that nothing is idle however long it takes."""

    async def type_on():
        while True:
            await types(shell, b":\n")
            await asyncio.sleep(1)

    task = asyncio.get_running_loop().create_task(type_on())
    try:
        yield
    finally:
        task.cancel()


class Scene:
    """Marie at work in a terminal, and Jean who watches it."""

    def __init__(self, play: World, operator) -> None:
        self.play, self.operator = play, operator
        self.written = play.folder / "written"
        self.touch = f"touch {self.written}\n".encode()
        self.look = f"ls {self.written}; ".encode()

    async def begin(self) -> "Scene":
        self.host, self.marie, self.shell = await live(self.play, self.operator)
        self.join, self.jean = await joined(self.play, self.operator, self.host)
        self.screen = await self.jean.start("ssh", "-tt", "device")
        await reads(self.screen.stdout, b"you watch a terminal")
        await self.shows(lambda session: session.joined.watches)
        return self

    async def shows(self, what):
        """Wait until the panel shows it of the session that is open."""
        seen = lambda: self.operator.status.session and what(self.operator.status.session)  # noqa: E731
        await self.play.wait_until(seen)

    async def asks(self, **changes):
        """Jean's order for control, at the panel."""
        changes = {"person": JEAN, "joins": self.join.session, **changes}
        return await asked(self.play, self.operator, **changes)

    async def allowed(self, **changes):
        order = await self.asks(**changes)
        await asyncio.to_thread(self.operator.accept, "J. Roy")
        await self.shows(lambda session: session.joined.may_control)
        return order

    async def hand(self):
        return await self.marie.run("ssh", "-s", "device", "control hand Jean Roy")

    async def handed(self, **changes):
        """Jean controls."""
        order = await self.allowed(**changes)
        status, out, errors = await self.hand()
        assert status == 0, errors
        assert "control waits for Jean Roy" in out
        await reads(self.screen.stdout, b"Ctrl-T takes it")
        await types(self.screen, TAKE)
        await reads(self.screen.stdout, b"you control this session now")
        await self.shows(lambda session: session.joined.controls)
        return order

    async def over(self) -> None:
        await asyncio.to_thread(self.operator.stop)
        for one in (self.shell, self.screen):
            assert await asyncio.wait_for(one.wait(), 60) == 255
        self.operator.leave()


@pytest.mark.asyncio
async def test_handed_over_taken_and_taken_back_one_controls_at_a_time(tmp_path):
    async with world(tmp_path) as play:
        scene = await Scene(play, await play.operator()).begin()
        operator, shell, screen = scene.operator, scene.shell, scene.screen
        order = await scene.asks()
        assert operator.status.request.mode is Mode.CONTROL
        assert operator.status.request.joins == scene.join.session
        assert operator.status.activity is Activity.CONTROLLING
        await reads(shell.stdout, b"Jean Roy asks for control.")
        # Nothing is handed over before the operator has said yes; nor is it Jean's to take.
        status, _, errors = await scene.hand()
        assert (status, "nobody of this name" in errors) == (77, True)
        await types(screen, TAKE)
        await reads(screen.stdout, b"control has not been handed to you")
        await asyncio.to_thread(operator.accept, "J. Roy")
        await reads(shell.stdout, b"control hand CI-20417 'Jean Roy'")
        status, _, errors = await scene.jean.run("ssh", "-s", "device", "control take")
        assert (status, "has not been handed to you" in errors) == (77, True)
        status, _, errors = await scene.hand()
        assert status == 0, errors
        # Offered and not taken, it is Marie's.
        await types(shell, b"echo mine $((40+2))\n")
        await reads(screen.stdout, b"mine 42")
        assert not operator.status.session.joined.controls
        await types(screen, TAKE)
        await reads(shell.stdout, b"Jean Roy controls now")
        await scene.shows(lambda session: session.joined.controls)
        assert operator.status.activity is Activity.CONTROLLING
        await types(screen, b"echo theirs $((40+2))\n")
        await reads(shell.stdout, b"theirs 42")
        # What Marie types reaches nothing.
        await types(shell, scene.touch)
        await reads(shell.stdout, b"you do not control: your keys do not reach the device")
        await types(screen, scene.look + b"echo looked $((40+2))\n")
        heard = await reads(screen.stdout, b"looked 42")
        assert b"touch" not in heard
        assert not scene.written.exists()
        status, _, errors = await scene.marie.run("ssh", "device", f"touch {scene.written}")
        assert (status, "only the commands that the product calls read-only" in errors) == (
            77,
            True,
        )
        await types(shell, TAKE)
        await reads(screen.stdout, b"whoever started the session controls again")
        assert await ended(play, order) == ("by_specialist", None)
        await scene.shows(lambda session: not session.joined.controls)
        await types(screen, scene.touch)
        await reads(screen.stdout, b"your keys do not reach the device")
        await types(shell, b"echo again $((40+2))\n")
        assert b"touch" not in await reads(shell.stdout, b"again 42")
        await check_journal(scene, order)
        await scene.over()


async def check_journal(scene: Scene, order) -> None:
    """Both people, the operator and every turn stand in the journal, in their order."""
    entries = scene.play.journal()
    about = [
        (entry["action"], entry["actor"]["name"])
        for entry in entries
        if entry["session"] == order.session or entry["action"].startswith("session:control:")
    ]
    assert about == [
        ("order:document:received", "Jean Roy"),
        ("session:consent:asked", "Jean Roy"),
        ("session:consent:given", "J. Roy"),
        ("session:control:offered", "Marie Tremblay"),
        ("session:control:passed", "Jean Roy"),
        ("session:life:live", "Jean Roy"),
        ("session:life:ended", "Marie Tremblay"),
        ("session:control:taken", "Marie Tremblay"),
    ]
    given = next(
        entry
        for entry in entries
        if entry["action"] == "session:consent:given" and entry["session"] == order.session
    )
    assert '"mode":"control"' in consent_of(given)
    keys = [e for e in entries if e["action"] == "session:channel:refused"]
    assert {e["gate"] for e in keys} >= {"view_only", "consent"}


def consent_of(entry: dict) -> str:
    document = b64decode(json.loads(entry["detail"]["consent"])["payload"])
    assert Consent.from_bytes(document).mode is Mode.CONTROL
    return document.decode()


@pytest.mark.asyncio
async def test_refused_or_unanswered_everything_stays_as_it_was(tmp_path):
    async with world(tmp_path) as play:
        scene = await Scene(play, await play.operator()).begin()
        order = await scene.asks()
        await asyncio.to_thread(scene.operator.refuse)
        assert await ended(play, order) == ("refused", "consent")
        order = await scene.asks(answer_by_ms=wall_ms() + 10_000)
        assert await ended(play, order) == ("unanswered", "consent_silence")
        status, _, errors = await scene.hand()
        assert (status, "nobody of this name" in errors) == (77, True)
        await types(scene.screen, scene.touch)
        await reads(scene.screen.stdout, b"your keys do not reach the device")
        await types(scene.shell, b"echo mine $((40+2))\n")
        await reads(scene.screen.stdout, b"mine 42")
        assert not play.endings(scene.join.session)
        assert not play.endings(scene.host.session)
        await scene.over()


@pytest.mark.asyncio
async def test_a_console_that_forges_who_may_control_is_refused(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        host, _, shell = await live(play, operator)

        async def refused(**changes) -> tuple:
            changes = {"person": JEAN, "joins": host.session, **changes}
            return await ended(play, await play.ask(**changes))

        # Nobody has joined: control of the session itself is given to nobody.
        assert await refused() == ("refused", "join")
        join, jean = await joined(play, operator, host)
        # Allowed to join and not in: they have passed no second authentication.
        assert await refused(joins=join.session) == ("refused", "join")
        screen = await jean.start("ssh", "-tt", "device")
        await reads(screen.stdout, b"you watch a terminal")
        other = replace(JEAN, id="p9", name="Ann Lee", level=Level.ONE)
        for changes in (
            {},
            {"joins": join.session, "person": other},
            {"joins": join.session, "person": MARIE},
            {"joins": join.session, "specialist_key": "SHA256:" + "b" * 43},
        ):
            assert await refused(**changes) == ("refused", "join"), changes
        await types(shell, b"echo mine $((40+2))\n")
        await reads(screen.stdout, b"mine 42")
        assert operator.status.request is None
        await asyncio.to_thread(operator.stop)
        for one in (shell, screen):
            await asyncio.wait_for(one.wait(), 60)
        operator.leave()


@pytest.mark.asyncio
async def test_given_back_or_cut_off_it_is_nobodys_until_it_is_taken(tmp_path):
    async with world(tmp_path) as play:
        scene = await Scene(play, await play.operator()).begin()
        order = await scene.handed()
        status, out, errors = await scene.jean.run("ssh", "-s", "device", "control give")
        assert status == 0, errors
        assert "you gave control back" in out
        assert await ended(play, order) == ("by_specialist", None)
        await play.wait_until(lambda: scene.operator.status.activity is Activity.VIEWING)
        await types(scene.shell, scene.touch)
        await reads(scene.shell.stdout, b"you do not control")
        await types(scene.shell, TAKE)
        await play.wait_until(lambda: scene.operator.status.activity is Activity.CONTROLLING)
        # Their last terminal is gone: so is their control.
        order = await scene.handed()
        scene.screen.kill()
        assert await ended(play, order) == ("partner_lost", None)
        await play.wait_until(lambda: scene.operator.status.activity is Activity.VIEWING)
        assert not play.endings(scene.join.session)
        await reads(scene.shell.stdout, b"Nobody does: Ctrl-T takes control")
        await types(scene.shell, TAKE)
        await play.wait_until(lambda: scene.operator.status.activity is Activity.CONTROLLING)
        await types(scene.shell, scene.look + b"echo alive $((40+2))\n")
        assert b"No such file" in await reads(scene.shell.stdout, b"alive 42")
        await asyncio.to_thread(scene.operator.stop)
        await asyncio.wait_for(scene.shell.wait(), 60)
        scene.operator.leave()


@pytest.mark.asyncio
@pytest.mark.parametrize("which", ["hand-over", "join", "session"])
async def test_what_the_console_ends_takes_control_along(tmp_path, which):
    """A lock of one person, or the end of a session: the console withdraws it."""
    async with world(tmp_path) as play:
        scene = await Scene(play, await play.operator()).begin()
        order = await scene.handed()
        await play.withdraw(
            {"hand-over": order, "join": scene.join, "session": scene.host}[which], Ending.REVOKED
        )
        assert (await ended(play, order))[0] == "revoked"
        if which == "session":
            for one in (scene.join, scene.host):
                assert (await ended(play, one))[0] == "revoked"
            await asyncio.wait_for(scene.shell.wait(), 60)
        else:
            await play.wait_until(lambda: scene.operator.status.activity is Activity.VIEWING)
            assert not play.endings(scene.host.session)
            assert bool(play.endings(scene.join.session)) is (which == "join")
            await types(scene.shell, TAKE)
            await play.wait_until(lambda: scene.operator.status.activity is Activity.CONTROLLING)
            await asyncio.to_thread(scene.operator.stop)
            await asyncio.wait_for(scene.shell.wait(), 60)
        scene.operator.leave()


@pytest.mark.asyncio
async def test_a_worker_that_is_killed_leaves_an_ending_for_all_three(tmp_path):
    async with world(tmp_path) as play:
        scene = await Scene(play, await play.operator()).begin()
        order = await scene.handed()
        (worker,) = workers(play)
        os.kill(worker, signal.SIGKILL)
        for one in (order, scene.join, scene.host):
            assert (await ended(play, one))[0] == "failed"
        due = await play.wait_until(lambda: scene.operator.status.verification)
        assert due.person in {"Jean Roy", "Marie Tremblay"}
        await play.wait_until(lambda: scene.operator.status.activity is Activity.IDLE)
        for one in (scene.shell, scene.screen):
            await asyncio.wait_for(one.wait(), 60)
        scene.operator.leave()


@pytest.mark.asyncio
async def test_stop_ends_all_three_and_says_what_to_verify(tmp_path):
    async with world(tmp_path) as play:
        scene = await Scene(play, await play.operator()).begin()
        order = await scene.handed(actions=(SiteAction.FILES_IN,))
        fix = scene.jean.folder / "fix.cfg"
        fix.write_text("E12")
        # Files follow who controls: Jean's order covers them, Marie's no longer counts.
        status, _, errors = await scene.jean.run("scp", str(fix), "device:/inbox/fix.cfg")
        assert status == 0, errors
        assert (play.state / "inbox" / "fix.cfg").read_text() == "E12"
        status, _, errors = await scene.marie.run("scp", str(fix), "device:/inbox/other.cfg")
        assert status != 0
        assert not (play.state / "inbox" / "other.cfg").exists()
        await asyncio.to_thread(scene.operator.stop)
        await play.wait_until(lambda: scene.operator.status.activity is Activity.IDLE)
        for one in (order, scene.join, scene.host):
            assert await ended(play, one) == ("by_operator", None)
        due = await play.wait_until(lambda: scene.operator.status.verification)
        assert "Jean Roy: /inbox/fix.cfg" in due.changes
        for one in (scene.shell, scene.screen):
            assert await asyncio.wait_for(one.wait(), 60) == 255
        scene.operator.leave()


@pytest.mark.asyncio
async def test_what_is_under_way_is_cut_when_control_passes(tmp_path):
    async with world(tmp_path) as play:
        scene = await Scene(play, await play.operator()).begin()
        running = await scene.marie.start("ssh", "device", f"cat > {scene.written}")
        await scene.shows(lambda session: "cat > " in session.doing)
        order = await scene.handed()
        _, errors = await asyncio.wait_for(running.communicate(b"late\n"), 60)
        assert running.returncode == 77
        assert b"you do not control this session now" in errors
        await play.withdraw(order, Ending.SITE_TERMINATED)
        assert (await ended(play, order))[0] == "site_terminated"
        await scene.over()


@pytest.mark.asyncio
async def test_a_session_for_observation_has_no_control_to_hand_over(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        host, marie = await let_in(play, operator, mode=Mode.VIEW)
        assert (await marie.run("ssh", "device", "uname -s"))[0] == 0
        join, jean = await joined(play, operator, host)
        screen = await jean.start("ssh", "-tt", "device")
        await reads(screen.stdout, b"no terminal is open")
        order = await play.ask(person=JEAN, joins=join.session)
        assert await ended(play, order) == ("refused", str(Gate.JOIN))
        for wish in ("take", "hand Jean Roy"):
            status, _, errors = await marie.run("ssh", "-s", "device", f"control {wish}")
            assert (status, "you do not control this session" in errors) == (77, True)
        await asyncio.to_thread(operator.stop)
        await asyncio.wait_for(screen.wait(), 60)
        operator.leave()


@pytest.mark.asyncio
async def test_a_lost_relay_ends_all_three(tmp_path):
    async with world(tmp_path, relays="a") as play:
        scene = await Scene(play, await play.operator()).begin()
        order = await scene.handed()
        await play.stop_relay("a")
        for one in (order, scene.join, scene.host):
            (ending,) = await play.wait_until(
                lambda one=one: play.endings(one.session), within_s=60
            )
            # Whoever is cut off with it may be missed before the relay is.
            words = {"relay_lost", "partner_lost"} if one is order else {"relay_lost"}
            assert ending["detail"]["ending"] in words
        await play.wait_until(lambda: scene.operator.status.activity is Activity.IDLE)
        for one in (scene.shell, scene.screen):
            assert await asyncio.wait_for(one.wait(), 60) == 255
        scene.operator.leave()


@pytest.mark.asyncio
async def test_what_whoever_joined_does_keeps_both_from_being_idle(tmp_path):
    """Copying files with nothing on the terminal is work, for the session too."""
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, marie = await let_in(play, operator, idle_s=12)
        scene = Scene(play, operator)
        scene.host, scene.marie = order, marie
        scene.shell = await marie.start("ssh", "-tt", "device")
        await play.wait_until(lambda: operator.status.activity is Activity.CONTROLLING)
        async with typing(scene.shell):
            scene.join, scene.jean = await joined(play, operator, order)
            scene.screen = await scene.jean.start("ssh", "-tt", "device")
            await reads(scene.screen.stdout, b"you watch a terminal")
            await scene.shows(lambda session: session.joined.watches)
            control = await scene.handed(actions=(SiteAction.FILES_IN,), idle_s=12)
        fix = scene.jean.folder / "fix.cfg"
        fix.write_text("E12")
        # One connection: each has a proof of its own, and there are 64.
        slowly = f"put {fix} /inbox/fix.cfg\n!sleep 2\n".encode() * 9
        async with asyncio.TaskGroup() as tasks:
            copying = tasks.create_task(scene.jean.run("sftp", "device", stdin=slowly))
            async with typing(scene.screen):
                await play.wait_until((play.state / "inbox" / "fix.cfg").exists)
        status, _, errors = copying.result()
        assert status == 0, errors
        assert not play.endings(order.session)
        assert not play.endings(control.session)
        # And with nobody doing anything, it is.
        assert await ended(play, control) == ("idle", None)
        for one in (scene.shell, scene.screen):
            await asyncio.wait_for(one.wait(), 60)
        operator.leave()


@pytest.mark.asyncio
async def test_the_service_application_is_handed_over_as_a_shell_is(tmp_path):
    service = {"access": AccessKind.SERVICE}
    async with world(tmp_path) as play:
        operator = await play.operator()
        scene = Scene(play, operator)
        scene.host, scene.marie = await let_in(play, operator, **service)
        scene.shell = await scene.marie.start("ssh", "-tt", "device")
        await reads(scene.shell.stdout, b"SERVICE MENU")
        await play.wait_until(lambda: operator.status.activity is Activity.CONTROLLING)
        scene.join, scene.jean = await joined(play, operator, scene.host, **service)
        scene.screen = await scene.jean.start("ssh", "-tt", "device")
        await reads(scene.screen.stdout, b"you watch a terminal")
        await scene.shows(lambda session: session.joined.watches)
        await scene.handed(**service)
        await types(scene.shell, b"q\n")
        await reads(scene.shell.stdout, b"you do not control")
        assert scene.shell.returncode is None
        await types(scene.screen, b"q\n")
        await reads(scene.screen.stdout, b"no terminal is open")
        assert await asyncio.wait_for(scene.shell.wait(), 60) == 0
        await asyncio.to_thread(operator.stop)
        assert await asyncio.wait_for(scene.screen.wait(), 60) == 255
        operator.leave()
