"""`kill -9` of supervisor or worker at random moments of a session (S26).

After every round: the agent is back, no entry that was acknowledged is missing, no process of the
session lives, and the session has exactly one ending.
"""

import asyncio
import contextlib
import os
import random
import signal
from pathlib import Path

import pytest

from bedside.agent.ledger import Ledger
from bedside.audit.chain import verify
from bedside.protocol.orders import SessionOrder
from bedside.vocabulary import Ending, Gate, JournalAction, Outcome
from tests.agent.test_session_life import alive, asked, let_in, workers
from tests.agent.world import DEVICE, World, world

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]


async def play_until_killed(play: World, victim: str, moment: float, marker: str) -> SessionOrder:
    """Begin a session and kill `victim` a moment after it began, whatever it is doing then."""
    order = play.order()

    async def session() -> None:
        operator = await play.operator()
        _order, specialist = await let_in(play, operator, order)
        shell = await specialist.start("ssh", "device", f"echo up; exec sleep {marker}")
        await shell.stdout.readline()
        await shell.wait()

    playing = asyncio.get_running_loop().create_task(session())
    await asyncio.sleep(moment)
    before = len(play.journal())
    pids = [play.agent.pid] if victim == "supervisor" else workers(play)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    if victim == "supervisor":
        play.agent.wait(60)
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    assert len(play.journal()) >= before
    if victim == "supervisor":
        play.start_agent()
    # Whoever asked has gone: what the kill kept from the device must not wait there for an answer.
    await play.withdraw(order, Ending.BY_SPECIALIST)
    return order


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
    """The sessions that the device met, and that have no ending, or two."""
    met = (JournalAction.ORDER_DOCUMENT_RECEIVED, JournalAction.ORDER_DOCUMENT_REFUSED)
    sessions = {entry["session"] for entry in play.journal() if entry["action"] in met}
    return {one for one in sessions if one is not None and len(play.endings(one)) != 1}


async def check_after(play: World, order: SessionOrder, marker: str) -> None:
    await play.wait_until(lambda: len(play.endings(order.session)) == 1, within_s=60)
    await play.wait_until(lambda: not unfinished(play))
    await play.wait_until(lambda: not sleepers(marker))
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
        order = await play_until_killed(play, victim, source.uniform(0, 2.5), marker)
        await check_after(play, order, marker)
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
        lost = await play.wait_for_entry("agent:worker:lost")
        assert lost["detail"] == {"stopped": False, "reason_code": "signal 9"}
        await play.wait_until(lambda: operator.status.verification)
        assert operator.status.verification.session == order.session
        await shell.wait()
        operator.leave()
        play.stop_agent(signal.SIGKILL)
        play.start_agent()
        operator = await play.operator()
        assert operator.status.verification.session == order.session
        await check_after(play, order, "987654321")
        operator.leave()


@pytest.mark.parametrize("word", ["refused", "withdrawn"])
async def test_what_a_killed_worker_began_to_refuse_gets_its_ending_when_it_comes_again(
    tmp_path, word
):
    """Killed between the entry that speaks of the session and the one that ends it."""
    async with world(tmp_path, running=False) as play:
        order = play.order(product="workstation")
        with contextlib.closing(Ledger(play.config.journal_dir, DEVICE)) as ledger:
            if word == "refused":
                action = JournalAction.ORDER_DOCUMENT_REFUSED
                ledger.write(
                    action,
                    session=order.session,
                    outcome=Outcome.REFUSED,
                    gate=Gate.ORDER_PRODUCT,
                )
            else:
                ledger.write(JournalAction.SESSION_REQUEST_WITHDRAWN, session=order.session)
        play.start_agent()
        await play.configure()
        for _ in range(2):
            if word == "refused":
                await play.ask_for(order)
            else:
                await play.withdraw(order, Ending.BY_SPECIALIST)
        # What comes behind has been dealt with after both.
        last = await play.ask(product="workstation")
        await play.wait_until(lambda: play.endings(last.session))
        (ending,) = play.endings(order.session)
        expected = {"refused": "refused", "withdrawn": "by_specialist"}
        assert ending["detail"]["ending"] == expected[word]
