"""A person who joins a live session to watch it: asked, let in, and out of the way (S37, N3)."""

import asyncio

import pytest

from bedside.agent.joins import Showing
from bedside.protocol.shapes import Person
from bedside.vocabulary import Activity, Ending, Level, Mode
from tests.agent.test_session_life import asked, ended, let_in
from tests.agent.world import World, wall_ms, world

JULIE = Person(id="p3", name="Julie Gagnon", employer="Hôpital Roy", level=None, country="CA")
JEAN = Person(id="p2", name="Jean Roy", employer="Roy Service", level=Level.THREE, country="CA")


def test_a_join_adds_to_what_the_session_shows_and_takes_nothing_away():
    told: list[dict] = []
    showing = Showing(told.append)
    host = {"activity": Activity.CONTROLLING, "session": {"session": "A"}, "presence_code": "1"}
    showing.host(host)
    showing.join({"activity": Activity.ASKED, "request": {"session": "B"}, "session": None})
    assert told[-1]["activity"] is Activity.CONTROLLING
    assert told[-1]["request"] == {"session": "B"}
    assert told[-1]["session"] == {"session": "A", "joined": None}
    person = {"session": "B", "person": {"name": "Jean"}, "since_ms": 1}
    showing.join({"activity": Activity.VIEWING, "session": person, "presence_code": "2"})
    assert told[-1]["presence_code"] == "1"
    assert told[-1]["session"]["joined"] == {
        **person,
        "watches": True,
        "presence_code": "2",
        "may_control": False,
        "controls": False,
    }
    showing.host({"activity": Activity.IDLE})
    assert told[-1]["activity"] is Activity.CONTROLLING
    showing.join({"activity": Activity.IDLE})
    assert told[-1] == {"activity": Activity.IDLE}


def test_who_watches_for_the_site_is_shown_beside_whoever_joined():
    told: list[dict] = []
    showing = Showing(told.append)
    showing.host({"activity": Activity.CONTROLLING, "session": {"session": "A"}})
    showing.watching({"activity": Activity.ASKED, "request": {"session": "C"}, "session": None})
    assert told[-1]["request"] == {"session": "C"}
    showing.join({"activity": Activity.ASKED, "request": {"session": "B"}, "session": None})
    assert told[-1]["request"] == {"session": "B"}  # one question after the other
    julie = {"session": "C", "person": {"name": "Julie"}, "since_ms": 1}
    showing.watching({"activity": Activity.VIEWING, "session": julie})
    assert told[-1]["session"]["watching"]["watches"] is True
    assert told[-1]["session"]["joined"] is None
    showing.join({"activity": Activity.IDLE})
    assert told[-1]["session"]["watching"]["person"] == {"name": "Julie"}
    showing.watching({"activity": Activity.IDLE})
    assert "watching" not in told[-1]["session"]


pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]


async def live(play: World, operator):
    """A session in control whose specialist has a terminal open."""
    order, marie = await let_in(play, operator)
    shell = await marie.start("ssh", "-tt", "device")
    await play.wait_until(lambda: operator.status.activity is Activity.CONTROLLING)
    return order, marie, shell


async def asks_to_join(play: World, operator, host, **changes):
    changes = {"person": JEAN, "mode": Mode.VIEW, "joins": host.session, **changes}
    return await asked(play, operator, **changes)


async def joined(play: World, operator, host, **changes):
    """Whoever the operator let join, at the device's door."""
    order = await asks_to_join(play, operator, host, **changes)
    await asyncio.to_thread(operator.accept, "J. Roy")
    seen = await play.wait_until(lambda: operator.status.session.joined)
    assert seen.person == JEAN
    relay = operator.status.connection.relay
    return order, play.specialist(order, relay, code=seen.presence_code)


async def reads(stream, what: bytes) -> bytes:
    """What came on `stream` up to `what`."""
    heard = b""
    async with asyncio.timeout(60):
        while what not in heard:
            data = await stream.read(65536)
            assert data, heard
            heard += data
    return heard


async def types(shell, text: bytes) -> None:
    shell.stdin.write(text)
    await shell.stdin.drain()


@pytest.mark.asyncio
async def test_refused_or_unanswered_the_session_goes_on(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        host, marie, shell = await live(play, operator)
        order = await asks_to_join(play, operator, host)
        assert operator.status.activity is Activity.CONTROLLING
        assert operator.status.session.session == host.session
        assert operator.status.request.joins == host.session
        await asyncio.to_thread(operator.refuse)
        assert await ended(play, order) == ("refused", "consent")
        order = await asks_to_join(play, operator, host, answer_by_ms=wall_ms() + 10_000)
        assert await ended(play, order) == ("unanswered", "consent_silence")
        await play.wait_until(lambda: operator.status.request is None)
        await types(shell, b"echo still $((40+2))\n")
        await reads(shell.stdout, b"still 42")
        status, out, errors = await marie.run("ssh", "device", "echo more")
        assert (status, out) == (0, "more\n"), errors
        assert not play.endings(host.session)
        await asyncio.to_thread(operator.stop)
        assert await ended(play, host) == ("by_operator", None)
        assert await asyncio.wait_for(shell.wait(), 60) == 255
        operator.leave()


@pytest.mark.asyncio
async def test_let_in_they_watch_and_change_nothing(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        host, _, shell = await live(play, operator)
        order, jean = await joined(play, operator, host)
        screen = await jean.start("ssh", "-tt", "device")
        await reads(screen.stdout, b"you watch a terminal")
        await reads(shell.stdout, b"Jean Roy, Canada watches this terminal.")
        await play.wait_until(lambda: operator.status.session.joined.watches)
        assert operator.status.activity is Activity.CONTROLLING
        await types(shell, b"echo seen $((40+2))\n")
        await reads(screen.stdout, b"seen 42")
        await types(screen, b"touch written\n")
        await reads(screen.stdout, b"your keys do not reach the device")
        await play.wait_for_entry("session:channel:refused", session=order.session)
        status, _, errors = await jean.run("ssh", "device", "touch written")
        assert status == 77
        assert "you joined this session to watch it" in errors
        # Out again: the session goes on, and whatever it started lives.
        await types(screen, b"\x04")
        assert await asyncio.wait_for(screen.wait(), 60) == 0
        await reads(shell.stdout, b"does not watch this terminal any more")
        await play.withdraw(order, Ending.BY_SPECIALIST)
        assert await ended(play, order) == ("by_specialist", None)
        await play.wait_until(lambda: operator.status.session.joined is None)
        await types(shell, b"echo alive $((40+2))\n")
        heard = await reads(shell.stdout, b"alive 42")
        assert b"written" not in heard
        named = [entry for entry in play.entries if entry["session"] == order.session]
        assert {entry["actor"]["name"] for entry in named} >= {"Jean Roy", "J. Roy"}
        await asyncio.to_thread(operator.stop)
        await asyncio.wait_for(shell.wait(), 60)
        operator.leave()


@pytest.mark.asyncio
async def test_stop_ends_both_and_so_does_the_end_of_the_session(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        host, _, shell = await live(play, operator)
        order, jean = await joined(play, operator, host)
        screen = await jean.start("ssh", "-tt", "device")
        await reads(screen.stdout, b"you watch a terminal")
        await asyncio.to_thread(operator.stop)
        await play.wait_until(lambda: operator.status.activity is Activity.IDLE)
        for one in (shell, screen):
            assert await asyncio.wait_for(one.wait(), 60) == 255
        assert await ended(play, order) == ("by_operator", None)
        assert await ended(play, host) == ("by_operator", None)
        await asyncio.to_thread(operator.verify, "J. Roy")
        host, _, shell = await live(play, operator)
        order = await asks_to_join(play, operator, host)
        await play.withdraw(host, Ending.SITE_TERMINATED)
        assert await ended(play, host) == ("site_terminated", None)
        assert await ended(play, order) == ("site_terminated", None)
        await asyncio.wait_for(shell.wait(), 60)
        operator.leave()


@pytest.mark.asyncio
async def test_somebody_of_the_site_watches_beside_them_with_the_site_s_credential(tmp_path):
    async with world(tmp_path) as play:
        status, _ = await play.command("set-site-credential", stdin=b"for-our-own-it")
        assert status == 0
        operator = await play.operator()
        host, _, shell = await live(play, operator)
        order, jean = await joined(play, operator, host)
        screen = await jean.start("ssh", "-tt", "device")
        await reads(screen.stdout, b"you watch a terminal")
        watch = await asks_to_join(play, operator, host, person=JULIE)
        await asyncio.to_thread(operator.accept, "J. Roy")
        seen = await play.wait_until(lambda: operator.status.session.watching)
        relay, code = operator.status.connection.relay, seen.presence_code
        julie = play.specialist(watch, relay, code=code)
        one_try = ("-o", "NumberOfPasswordPrompts=1")
        status, _, _ = await julie.run("ssh", *one_try, "device", "true")
        assert status == 255
        failed = await play.wait_for_entry("session:authentication:failed", session=watch.session)
        assert failed["gate"] == "support_credential"
        julie.answer(code=code, credential="for-our-own-it")
        view = await julie.start("ssh", "-tt", "device")
        await reads(view.stdout, b"you watch a terminal")
        await reads(shell.stdout, "Julie Gagnon, Hôpital Roy watches this terminal.".encode())
        await play.wait_until(lambda: operator.status.session.watching.watches)
        assert operator.status.session.joined.person == JEAN
        await types(shell, b"echo seen $((40+2))\n")
        for stream in (view, screen):
            await reads(stream.stdout, b"seen 42")
        await types(view, b"touch written\n")
        await reads(view.stdout, b"your keys do not reach the device")
        for wish in ("take", "give", "hand Jean Roy"):
            status, _, errors = await julie.run("ssh", "-s", "device", f"control {wish}")
            assert status == 77
            assert "Control is never handed to you" in errors
        again = await play.ask(person=JULIE, mode=Mode.VIEW, joins=host.session)
        assert await ended(play, again) == ("refused", "join")
        await play.withdraw(watch, Ending.BY_SPECIALIST)
        assert await ended(play, watch) == ("by_specialist", None)
        await play.wait_until(lambda: operator.status.session.watching is None)
        assert operator.status.session.joined.watches
        watch = await asks_to_join(play, operator, host, person=JULIE)
        await asyncio.to_thread(operator.refuse)
        assert await ended(play, watch) == ("refused", "consent")
        await asyncio.to_thread(operator.stop)
        assert await ended(play, order) == ("by_operator", None)
        for one in (shell, screen):
            await asyncio.wait_for(one.wait(), 60)
        named = [entry for entry in play.entries if entry["session"] == watch.session]
        assert named[0]["detail"]["employer"] == "Hôpital Roy"
        operator.leave()


@pytest.mark.asyncio
async def test_a_join_that_names_no_live_session_or_a_taken_one_is_refused(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        changes = {"person": JEAN, "mode": Mode.VIEW}
        order = await play.ask(**changes, joins="0" * 26)
        assert await ended(play, order) == ("refused", "join")
        waiting = await asked(play, operator)
        order = await play.ask(**changes, joins=waiting.session)
        assert await ended(play, order) == ("refused", "join")
        await asyncio.to_thread(operator.refuse)
        assert await ended(play, waiting) == ("refused", "consent")
        host, _, shell = await live(play, operator)
        await asks_to_join(play, operator, host)
        order = await play.ask(**changes, joins=host.session)
        assert await ended(play, order) == ("refused", "join")
        await asyncio.to_thread(operator.stop)
        await asyncio.wait_for(shell.wait(), 60)
        operator.leave()


@pytest.mark.asyncio
async def test_a_worker_that_is_lost_leaves_an_ending_for_both(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        host, _, shell = await live(play, operator)
        order = await asks_to_join(play, operator, host)
        play.agent.kill()
        play.agent.wait(60)
        play.start_agent()
        again = await play.operator()
        assert await ended(play, host) == ("device_lost", None)
        assert await ended(play, order) == ("device_lost", None)
        await asyncio.wait_for(shell.wait(), 60)
        operator.leave()
        again.leave()


@pytest.mark.asyncio
async def test_a_session_that_ends_while_the_join_is_judged_is_joined_by_nobody(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        host, _, shell = await live(play, operator)
        probed, go = play.state / "probed", play.state / "go"
        (play.state / "safe-state").write_text(
            f"touch {probed}; while [ ! -e {go} ]; do sleep 0.05; done; exit 0\n"
        )
        order = await play.ask(person=JEAN, mode=Mode.VIEW, joins=host.session)
        await play.wait_until(probed.exists)
        await asyncio.to_thread(operator.stop)
        go.touch()
        assert await ended(play, order) == ("refused", "join")
        assert operator.status.request is None
        assert not [
            entry
            for entry in play.journal()
            if entry["session"] == order.session and entry["action"].startswith("session:consent")
        ]
        await asyncio.wait_for(shell.wait(), 60)
        operator.leave()
