"""`kill -9` of supervisor or worker at random moments of a session (S26).

After every round: the agent is back, no entry that was acknowledged is missing, no process of the
session lives, and the session has exactly one ending.
"""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from bedside.audit.chain import verify
from tests.agent.test_session_life import alive, asked, let_in, workers
from tests.agent.world import World, world

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]


async def play_until_killed(play: World, victim: str, moment: float, marker: str) -> None:
    """Begin a session and kill `victim` a moment after it began, whatever it is doing then."""

    async def session() -> None:
        operator = await play.operator()
        try:
            _order, specialist = await let_in(play, operator)
            shell = await specialist.start("ssh", "device", f"echo up; exec sleep {marker}")
            try:
                await shell.stdout.readline()
                await shell.wait()
            finally:
                if shell.returncode is None:
                    shell.kill()
                await shell.communicate()
        finally:
            operator.leave()

    playing = asyncio.get_running_loop().create_task(session())
    await asyncio.sleep(moment)
    before = len(play.journal())
    pids = [play.agent.pid] if victim == "supervisor" else workers(play)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    if victim == "supervisor":
        play.agent.wait(10)
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    assert len(play.journal()) >= before
    if victim == "supervisor":
        play.start_agent()


def sleepers(marker: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and alive(int(entry.name)):
                line = (entry / "cmdline").read_bytes()
                if line == f"sleep\0{marker}\0".encode():
                    found.append(int(entry.name))
        except OSError:
            continue
    return found


def unfinished(play: World) -> set[str]:
    """The sessions that were received and have no ending, and those that have two."""
    received, ended = [], []
    for entry in play.journal():
        if entry["action"] == "order:document:received":
            received.append(entry["session"])
        if entry["action"] == "session:life:ended":
            ended.append(entry["session"])
    return set(received) ^ set(ended) | {one for one in ended if ended.count(one) > 1}


async def check_after(play: World, marker: str) -> None:
    await play.wait_until(lambda: not unfinished(play), within_s=30)
    await play.wait_until(lambda: not sleepers(marker), within_s=10)
    text = (play.config.journal_dir / "journal.jsonl").read_bytes()
    assert verify(text.splitlines(keepends=True)).good
    # What the console has acknowledged is still what the device has.
    await play.wait_until(lambda: len(play.lines) >= len(text.splitlines()), within_s=60)
    assert [line + b"\n" for line in play.lines[: len(text.splitlines())]] == text.splitlines(
        keepends=True
    )


async def rounds(play: World, count: int, seed: int) -> None:
    source = random.Random(seed)
    for number in range(count):
        victim = source.choice(["supervisor", "worker"])
        marker = f"{900_000_000 + seed * 1000 + number}"
        await play_until_killed(play, victim, source.uniform(0, 2.5), marker)
        await check_after(play, marker)
    operator = await play.operator()
    order = await asked(play, operator)
    await asyncio.to_thread(operator.refuse)
    entry = await play.wait_for_entry("session:life:ended", session=order.session)
    assert entry["detail"]["ending"] == "refused"
    operator.leave()


async def test_killed_at_random_moments(tmp_path):
    async with world(tmp_path) as play:
        await rounds(play, 6, seed=1)


async def test_a_dead_worker_ends_its_session_as_failed_and_control_stays_to_be_verified(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        shell = await specialist.start("ssh", "device", "echo up; exec sleep 987654321")
        assert await shell.stdout.readline() == b"up\n"
        (worker,) = workers(play)
        os.kill(worker, signal.SIGKILL)
        entry = await play.wait_for_entry("session:life:ended", session=order.session)
        assert entry["detail"]["ending"] == "failed"
        await play.wait_for_entry("agent:worker:lost")
        await play.wait_until(lambda: operator.status.verification)
        assert operator.status.verification.session == order.session
        await shell.wait()
        operator.leave()
        play.stop_agent(signal.SIGKILL)
        play.start_agent()
        operator = await play.operator()
        assert operator.status.verification.session == order.session
        await check_after(play, "987654321")
        operator.leave()
