"""The agent's whole life with real relays: enrol, poll, order, consent, tunnel, serve, end."""

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from bedside.pki.names import CertificateKind
from bedside.protocol.feed import DeviceRefused
from bedside.testing.sockets import ListenerWatch, descendants
from bedside.vocabulary import Activity, DeviceId, Ending, Gate, HelpTopic, MessageKind
from tests.agent.world import World, end_client, wall_ms, world

pytestmark = [
    pytest.mark.asyncio,
    # Python 3.11: a StreamWriter over TLS that was aborted calls itself unclosed when collected.
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]


async def asked(play: World, operator, order=None, **changes):
    """The order, once the panel has shown it: an answer that is due soon may be over by then."""
    order = await (play.ask_for(order) if order else play.ask(**changes))
    await play.wait_until(
        lambda: any(one.request and one.request.session == order.session for one in operator.seen)
    )
    return order


async def let_in(play: World, operator, order=None, **changes):
    """A session that the operator allowed, and the specialist who may connect."""
    order = await asked(play, operator, order, **changes)
    await asyncio.to_thread(operator.accept, "J. Roy")
    code = await play.wait_until(lambda: operator.status.presence_code)
    return order, play.specialist(order, operator.status.connection.relay, code=code)


async def ended(play: World, order) -> tuple[str, str | None]:
    """How the session ended, once the console has it; there is one ending in the journal."""
    entry = await play.wait_for_entry("session:life:ended", session=order.session)
    assert len(play.endings(order.session)) == 1
    return entry["detail"]["ending"], entry["gate"]


async def test_a_session_from_order_to_stop(tmp_path):
    async with world(tmp_path) as play:
        pid = play.agent.pid
        watch = ListenerWatch(lambda: descendants(pid), pause_s=0.05)
        with watch:
            await whole_life(play)
        assert watch.looks > 0
        assert not watch.found
        assert any("ssh.leash" in command for command in watch.watched)
        assert play.stop_agent() == 0
        status, out = await play.command("journal", "verify")
        assert status == 0, out


async def test_help_from_the_bedside_reaches_the_console_with_the_journal(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        await asyncio.to_thread(operator.ask_help, HelpTopic.INJECTION, "L. Roy")
        entry = await play.wait_for_entry("device:help:asked")
        assert entry["actor"] == {"id": "operator", "kind": "operator", "name": "L. Roy"}
        assert entry["detail"] == {"topic": "injection", "activity": "idle"}
        assert operator.status.help_ms is not None
        with pytest.raises(PermissionError, match="limit"):
            await asyncio.to_thread(operator.ask_help, HelpTopic.OTHER)
        operator.leave()


async def whole_life(play: World) -> None:
    operator = await play.operator()
    order = await asked(play, operator)
    assert operator.status.request.person.name == "Marie Tremblay"
    assert operator.status.activity is Activity.ASKED
    await play.wait_for_entry("session:consent:asked", session=order.session)
    await asyncio.to_thread(operator.accept, "J. Roy")
    consent = await play.wait_for_entry("session:consent:given", session=order.session)
    assert consent["actor"]["name"] == "J. Roy"
    code = await play.wait_until(lambda: operator.status.presence_code)
    specialist = play.specialist(order, operator.status.connection.relay, code=code)
    status, out, errors = await specialist.run("ssh", "device", "echo hello")
    assert (status, out) == (0, "hello\n"), errors
    # What the panel shows comes by another way than what the command said.
    await play.wait_until(lambda: operator.status.activity is Activity.CONTROLLING)
    live = await play.wait_for_entry("session:life:live", session=order.session)
    passed = play.entries[play.entries.index(live) - 1]
    assert (passed["action"], passed["actor"]) == (
        "session:authentication:succeeded",
        live["actor"],
    )
    shell = await specialist.start("ssh", "device", "echo up; sleep 1000")
    assert await shell.stdout.readline() == b"up\n"
    await asyncio.to_thread(operator.stop)
    await play.wait_until(lambda: operator.status.activity is Activity.IDLE)
    assert await asyncio.wait_for(shell.wait(), 60) == 255
    assert await ended(play, order) == ("by_operator", None)
    due = await play.wait_until(lambda: operator.status.verification)
    assert due.person == "Marie Tremblay"
    assert due.changes == ("echo hello", "echo up; sleep 1000")
    await asyncio.to_thread(operator.verify, "J. Roy")
    await play.wait_until(lambda: operator.status.verification is None)
    entry = await play.wait_for_entry("device:service:verified", session=order.session)
    assert entry["actor"]["name"] == "J. Roy"
    operator.leave()


async def test_stop_works_with_every_server_dead_and_the_worker_hung(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        shell = await specialist.start("ssh", "device", "echo $$; sleep 1000")
        sleeper = int(await shell.stdout.readline())
        (worker,) = workers(play)
        for name in list(play.relays):
            await play.stop_relay(name)
        await play.live.stop()
        stop(worker)
        await asyncio.to_thread(operator.stop)
        (ending,) = await play.wait_until(lambda: play.endings(order.session))
        assert ending["detail"]["ending"] in {"by_operator", "relay_lost"}
        await gone(sleeper)
        await gone(worker)
        operator.leave()
        assert await asyncio.wait_for(shell.wait(), 60) == 255


async def test_nothing_is_carried_before_consent(tmp_path):
    """The device is connected to the relay while it asks, and the specialist waits there."""
    async with world(tmp_path, relays="a") as play:
        operator = await play.operator()
        pairing = play.relays["a"].pairing
        for allowed in (False, True):
            order = await asked(play, operator)
            waiting = await play.specialist(order, "a").start("ssh", "device", "true")
            await play.wait_until(lambda: pairing.counts["waiting"] == 1)
            # A poll, two that say nothing yet, and the reports' as long as there is one to bring.
            await play.wait_until(lambda: len(from_device(play)) >= 3)
            assert pairing.counts["active"] == 0
            await asyncio.to_thread(operator.accept if allowed else operator.refuse)
            if allowed:
                await play.wait_until(lambda: pairing.counts["active"] == 1)
                await play.wait_for_entry("session:tunnel:opened", session=order.session)
                await asyncio.to_thread(operator.stop)
            await ended(play, order)
            assert pairing.counts["active"] == 0
            await play.wait_until(lambda: len(from_device(play)) <= 2)
            told = [entry["action"] for entry in play.entries if entry["session"] == order.session]
            assert ("session:tunnel:opened" in told) is allowed
            if allowed:
                assert told.index("session:consent:given") < told.index("session:tunnel:opened")
            # Stop ends it; a refusal leaves it at the relay.
            await end_client(waiting)
        operator.leave()


def from_device(play: World) -> list:
    """The connections that the device holds at the relay."""
    links = play.relays["a"].door.links
    return [link for link in links if link.peer and link.peer.name.kind is CertificateKind.DEVICE]


@pytest.mark.parametrize(
    "command", ["echo a\necho b", "printf 'a\tb'", "echo \x1b[31m", "echo \u202e"]
)
async def test_a_command_of_any_letters_runs_and_is_shown_without_them(tmp_path, command):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        shell = await specialist.start("ssh", "device", f"{command}; sleep 1000")
        assert await shell.stdout.read(1)
        await play.wait_until(lambda: operator.status.session and operator.status.session.doing)
        assert operator.status.session.doing.isprintable()
        await play.withdraw(order, Ending.BY_SPECIALIST)
        assert (await ended(play, order))[0] == Ending.BY_SPECIALIST
        await end_client(shell)
        operator.leave()


async def test_refused_and_unanswered(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order = await asked(play, operator)
        await asyncio.to_thread(operator.refuse)
        assert await ended(play, order) == ("refused", "consent")
        order = await asked(play, operator, answer_by_ms=wall_ms() + 10_000)
        assert await ended(play, order) == ("unanswered", "consent_silence")
        await play.wait_until(lambda: operator.status.activity is Activity.IDLE)
        operator.leave()


async def test_orders_that_the_device_refuses_by_itself(tmp_path):
    """Each gate's refusal reaches the console in the device's own words."""
    async with world(tmp_path) as play:
        operator = await play.operator()
        order = await play.ask(product="workstation")
        assert await ended(play, order) == ("refused", "order_product")
        order = await play.ask(issued_ms=wall_ms() - 9000, answer_by_ms=wall_ms() - 1)
        assert await ended(play, order) == ("refused", "order_expired")
        play.set_exam(3)
        order = await play.ask()
        assert await ended(play, order) == ("refused", "exam_running")
        play.set_exam(1)
        order = await play.ask()
        assert await ended(play, order) == ("refused", "safe_state_unknown")
        play.set_exam(0)
        first = await asked(play, operator)
        second = await play.ask()
        assert await ended(play, second) == ("refused", "device_busy")
        await asyncio.to_thread(operator.refuse)
        assert await ended(play, first) == ("refused", "consent")
        await play.configure(locked=True, lock_reason="recall")
        await play.wait_until(lambda: operator.status.locked)
        assert operator.status.lock_reason == "recall"
        order = await play.ask()
        assert await ended(play, order) == ("refused", "device_locked")
        await play.configure()
        await play.wait_until(lambda: not operator.status.locked)
        assert not [status for status in operator.seen if status.session]
        operator.leave()


async def refusal(play: World, gate: str) -> dict:
    return await play.wait_until(
        lambda: next(
            (
                entry
                for entry in play.entries
                if entry["action"] == "order:document:refused" and entry["gate"] == gate
            ),
            None,
        )
    )


async def test_documents_that_are_not_the_consoles_or_not_for_this_device(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        await play.ask(signer=play.maker.store.signer("manufacturer"))
        entry = await refusal(play, "order_signature")
        assert entry["session"] is None
        await play.ask(device=DeviceId("CI-20418"))
        # Sealed for the other device: it cannot even be opened here.
        await play.wait_until(
            lambda: sum(one["gate"] == "order_signature" for one in play.entries) == 2
        )
        order = await asked(play, operator)
        await play.send_again(order)
        await refusal(play, "order_replayed")
        await asyncio.to_thread(operator.refuse)
        assert await ended(play, order) == ("refused", "consent")
        operator.leave()
        play.stop_agent()
        play.start_agent()
        await play.send_again(order)
        await play.wait_until(
            lambda: sum(one["gate"] == "order_replayed" for one in play.entries) == 2
        )
        assert len(play.endings(order.session)) == 1


def refused_of(entries: list[dict], kind: MessageKind) -> int:
    refused = [one for one in entries if one["action"] == "order:document:refused"]
    return sum(one["detail"]["kind"] == kind for one in refused)


async def quiet(play: World) -> None:
    """Wait until the device has told all that it tells by itself, and for a second writes nothing.

    What a receipt brings it to write waits for the next report.
    """
    looks, size = 0, 0
    async with asyncio.timeout(60):
        while looks < 50:
            await asyncio.sleep(0.02)
            await play.read_reports()
            before, journal = size, play.journal()
            size = len(journal)
            owed = {entry["action"] for entry in journal[len(play.entries) :]}
            told = owed <= {"journal:witness:recorded"}
            looks = looks + 1 if told and size == before else 0


async def test_receipts_that_a_relay_damages_hide_no_order_and_make_no_reports(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        await play.wait_for_entry("configuration:document:applied")
        await quiet(play)
        told = 0
        for number in range(25):
            if number < 5:
                told = refused_of(play.entries, MessageKind.RECEIPT)
            await play.carry(os.urandom(300), MessageKind.RECEIPT)
            enough = min(number + 1, 20)
            await play.wait_until(
                lambda n=enough: refused_of(play.journal(), MessageKind.RECEIPT) >= n
            )
            if number < 5:  # what the start tells may be on its way, and takes some along
                await asyncio.sleep(1)
                await play.read_reports()
        # A report would bring a receipt, which such a relay would damage: and so for ever.
        assert refused_of(play.entries, MessageKind.RECEIPT) == told < 5
        await play.carry(os.urandom(300), MessageKind.ORDER)
        await play.wait_until(lambda: refused_of(play.entries, MessageKind.ORDER) == 1)
        # What was refused without a word is in the next report.
        assert refused_of(play.entries, MessageKind.RECEIPT) == 20
        operator.leave()


async def test_three_wrong_answers_end_it(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        specialist.answer(code="000000" if operator.status.presence_code != "000000" else "1")
        status, _, _ = await specialist.run("ssh", "device", "true")
        assert status == 255
        assert await ended(play, order) == ("refused", "presence_code")
        order, specialist = await let_in(play, operator)
        specialist.answer(code=operator.status.presence_code, credential="not the credential")
        status, _, _ = await specialist.run("ssh", "device", "true")
        assert await ended(play, order) == ("refused", "support_credential")
        wrong = [one for one in play.entries if one["action"] == "session:authentication:failed"]
        assert len(wrong) == 6
        # Both times the credential itself was right in three of six tries: it is not locked yet.
        order = await play.ask()
        await play.wait_until(lambda: operator.status.request or play.endings(order.session))
        operator.leave()


async def test_with_nothing_to_do_the_supervisor_is_alone_and_nobody_was_lost(tmp_path):
    async with world(tmp_path) as play:
        for _ in range(2):
            await play.wait_until(lambda: workers(play) and leashes(play))
            await play.wait_until(lambda: descendants(play.agent.pid) == {play.agent.pid})
            await play.configure()
        assert not [one for one in play.journal() if one["action"] == "agent:worker:lost"]


@pytest.mark.parametrize(
    ("how", "gate"), [(Ending.BY_SPECIALIST, None), (Ending.REVOKED, Gate.LOCK)]
)
async def test_the_console_takes_it_back_and_the_device_writes_who_and_why(tmp_path, how, gate):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        shell = await specialist.start("ssh", "device", "echo up; sleep 1000")
        assert await shell.stdout.readline() == b"up\n"
        await play.withdraw(order, how)
        assert await ended(play, order) == (how, gate)
        entries = [each for each in play.journal() if each["session"] == order.session]
        (withdrawn,) = (each for each in entries if each["action"] == "session:request:withdrawn")
        assert (withdrawn["detail"]["by"], withdrawn["gate"]) == ("Jeanne Roy", gate)
        assert entries[-1]["detail"]["by"] == "Jeanne Roy"
        assert await asyncio.wait_for(shell.wait(), 60) == 255
        operator.leave()


@pytest.mark.parametrize("gate", [Gate.REVOKED_CERTIFICATE, Gate.DEVICE_CLONED])
async def test_a_device_that_nobody_serves_any_more_ends_what_is_live_as_revoked(tmp_path, gate):
    """The console's own word cannot reach it: the relay refuses its polls."""
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        shell = await specialist.start("ssh", "device", "echo up; sleep 1000")
        assert await shell.stdout.readline() == b"up\n"
        await play.live.push(DeviceRefused(device=order.device, gate=gate))
        (ending,) = await play.wait_until(lambda: play.endings(order.session))
        assert (ending["detail"]["ending"], ending["gate"]) == ("revoked", gate)
        assert await asyncio.wait_for(shell.wait(), 60) == 255
        operator.leave()


async def test_a_relay_dies_and_the_next_session_opens_at_the_other(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        shell = await specialist.start("ssh", "device", "echo up; sleep 1000")
        assert await shell.stdout.readline() == b"up\n"
        first = operator.status.connection.relay
        started = time.monotonic()
        await play.stop_relay(first)
        await play.wait_until(lambda: operator.status.connection.relay not in (None, first))
        assert time.monotonic() - started < 30
        assert await ended(play, order) == ("relay_lost", None)
        assert await asyncio.wait_for(shell.wait(), 60) == 255
        order, specialist = await let_in(play, operator)
        status, out, errors = await specialist.run("ssh", "device", "echo there")
        assert (status, out) == (0, "there\n"), errors
        operator.leave()


async def test_a_relay_drains_under_a_live_session_and_the_device_polls_the_other(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        shell = await specialist.start("ssh", "device", "echo up; read line; echo $line")
        assert await shell.stdout.readline() == b"up\n"
        first = operator.status.connection.relay
        seen = len(play.journal())
        drain = asyncio.get_running_loop().create_task(play.relays[first].drain(asyncio.Event()))
        await play.wait_until(lambda: operator.status.connection.relay not in (None, first))
        assert not any("relay" in each["action"] for each in play.journal()[seen:])
        assert not drain.done()
        shell.stdin.write(b"still here\n")
        assert await shell.stdout.readline() == b"still here\n"
        assert await asyncio.wait_for(shell.wait(), 60) == 0
        await play.withdraw(order, Ending.BY_SPECIALIST)
        assert await ended(play, order)
        await asyncio.wait_for(drain, 60)
        operator.leave()


async def test_limits_end_it(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator, idle_s=10, duration_s=60)
        status, _out, errors = await specialist.run("ssh", "device", "echo there")
        assert status == 0, errors
        assert await ended(play, order) == ("idle", None)
        operator.leave()


async def test_the_console_dies_and_the_session_goes_on(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        shell = await specialist.start("ssh", "device", "cat")
        shell.stdin.write(b"one\n")
        assert await shell.stdout.readline() == b"one\n"
        await play.live.stop()
        shell.stdin.write(b"two\n")
        assert await shell.stdout.readline() == b"two\n"
        shell.stdin.close()
        assert await asyncio.wait_for(shell.wait(), 60) == 0
        await asyncio.to_thread(operator.stop)
        await play.live.start()
        assert await ended(play, order) == ("by_operator", None)
        operator.leave()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def children(play: World, program: str) -> list[int]:
    """The supervisor's children that run `program`."""
    found = subprocess.run(
        ["pgrep", "-P", str(play.agent.pid), "-f", program],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(pid) for pid in found.stdout.split()]


def workers(play: World) -> list[int]:
    """The worker's pid, if there is one."""
    return children(play, "bedside.agent.worker")


def leashes(play: World) -> list[int]:
    """The leash's pid, if there is one."""
    return children(play, "bedside.agent.ssh.leash")


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


async def gone(pid: int, *, within_s: float = 60) -> None:
    """Wait until a process is no more (or a zombie that its parent has yet to reap)."""
    async with asyncio.timeout(within_s):
        while alive(pid):  # noqa: ASYNC110 - another process, no event
            await asyncio.sleep(0.02)
