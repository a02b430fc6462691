"""A worker that hangs where it hurts most: with the journal's lock in its hand, and its line full (R13)."""

import asyncio
import fcntl
import os
import secrets
import signal
from pathlib import Path

import pytest

from bedside.audit.chain import verify
from bedside.protocol.feed import MessageOffered
from bedside.vocabulary import MessageKind
from tests.agent.test_session_life import gone, let_in, workers
from tests.agent.world import DEVICE, World, new_id, wall_ms, world

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]

_LOOKS = 10


def holder(play: World) -> int | None:
    """The pid that holds the journal's lock, as the kernel lists it."""
    about = (play.config.journal_dir / "lock").stat()
    place = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if words[1] == "FLOCK" and words[5] == place:
            return int(words[4])
    return None


async def hang_with_the_lock(play: World) -> int:
    """Let the worker hang in the middle of a change to the journal; return its pid.

    The draft of the console's receipt is a pipe that nobody reads: opening it never returns.
    """
    (worker,) = workers(play)
    draft = play.config.journal_dir / "cursor.new"
    os.mkfifo(draft)
    await play.acknowledge(verify(play.lines).head)
    looks = 0
    async with asyncio.timeout(60):
        while looks < _LOOKS:
            looks = looks + 1 if holder(play) == worker else 0
            await asyncio.sleep(0.01)
    draft.unlink()
    return worker


async def fill_its_line(play: World) -> None:
    """Send the device more than the line between its two processes holds."""
    for _ in range(16):
        message = MessageOffered(
            device=DEVICE,
            id=new_id(),
            message_kind=MessageKind.RECEIPT,
            sealed=secrets.token_bytes(30_000),
            expires_ms=wall_ms() + 600_000,
        )
        await play.live.push(message)


async def live_session(play: World, operator):
    """A session with a command that runs; the console has stopped to acknowledge."""
    play.receipts = False
    order, specialist = await let_in(play, operator)
    shell = await specialist.start("ssh", "device", "echo $$; sleep 1000")
    sleeper = int(await shell.stdout.readline())
    await play.wait_for_entry("session:life:live", session=order.session)
    return order, shell, sleeper


async def check_ended(play: World, order, ending: str) -> None:
    """The session has this ending and no other, and the journal is whole."""
    await play.wait_until(lambda: play.endings(order.session))
    (entry,) = play.endings(order.session)
    assert entry["detail"]["ending"] == ending
    data = (play.config.journal_dir / "journal.jsonl").read_bytes()
    assert verify(data.splitlines(keepends=True)).good


async def test_stop_works_while_the_worker_hangs_with_the_lock_and_its_line_is_full(tmp_path):
    async with world(tmp_path) as play, asyncio.TaskGroup() as tasks:
        operator = await play.operator()
        order, shell, sleeper = await live_session(play, operator)
        worker = await hang_with_the_lock(play)
        await fill_its_line(play)
        # The supervisor needs the journal now, and cannot have it.
        page = tasks.create_task(asyncio.to_thread(operator.journal))
        await asyncio.to_thread(operator.stop)
        await play.wait_until(lambda: operator.status.session is None)
        await check_ended(play, order, "by_operator")
        await gone(worker)
        await gone(sleeper)
        assert (await page).entries
        assert await asyncio.wait_for(shell.wait(), 60) == 255
        # Nothing is stuck: the next one comes in, and the console has it all.
        play.receipts = True
        order, _specialist = await let_in(play, operator)
        await asyncio.to_thread(operator.stop)
        await play.wait_for_entry("session:life:ended", session=order.session)
        operator.leave()


async def test_stop_works_while_another_program_has_the_journal(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, shell, sleeper = await live_session(play, operator)
        (worker,) = workers(play)
        with (play.config.journal_dir / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            await asyncio.to_thread(operator.stop)
            await gone(worker)
            await gone(sleeper)
            assert await asyncio.wait_for(shell.wait(), 60) == 255
            assert not play.endings(order.session)
            status, out = await play.command("journal", "verify")
            assert (status, out.count("Another program has the journal")) == (1, 1)
        # What is owed is written as soon as it can be.
        await check_ended(play, order, "by_operator")
        operator.leave()


async def test_the_agent_leaves_while_its_worker_hangs_with_the_lock(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, _shell, sleeper = await live_session(play, operator)
        worker = await hang_with_the_lock(play)
        assert await asyncio.to_thread(play.stop_agent) == 0
        await gone(worker)
        await gone(sleeper)
        await check_ended(play, order, "failed")
        operator.leave()


async def test_a_supervisor_that_hangs_leaves_no_session_that_nobody_could_stop(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, shell, sleeper = await live_session(play, operator)
        (worker,) = workers(play)
        play.agent.send_signal(signal.SIGSTOP)
        await gone(worker, within_s=60)
        await gone(sleeper)
        assert await asyncio.wait_for(shell.wait(), 60) == 255
        play.agent.send_signal(signal.SIGCONT)
        await check_ended(play, order, "failed")
        await play.wait_until(lambda: operator.status.verification)
        operator.leave()
