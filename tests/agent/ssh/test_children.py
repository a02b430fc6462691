"""Nothing that a session started outlives it, whoever dies first. Real processes, real signals."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.agent.ssh.children import Command, Leash, LeashLostError
from bedside.agent.tether import start_leash
from bedside.agent.users import SessionUsers
from tests.agent.ssh.kit import SESSION, device
from tests.agent.ssh.test_authentication import until

ESCAPES = {
    "plain": "sleep 987 & echo $! >> pids; wait",
    "nohup": "nohup sleep 987 >/dev/null 2>&1 & echo $! >> pids; wait",
    "setsid": "setsid sh -c 'echo $$ >> pids; exec sleep 987'",
    "double fork": "(setsid sh -c 'trap : HUP TERM INT; echo $$ >> pids; while :; do sleep 1; done' &)"
    "; sleep 987",
    "daemon": "python3 -c 'import os,time\nos.fork() and os._exit(0)\nos.setsid()\nos.fork() and os._exit(0)\n"
    "open(\"pids\",\"a\").write(f\"{os.getpid()}\\n\")\nfor f in range(3): os.close(f)\ntime.sleep(987)'; sleep 987",
}  # fmt: skip


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def pids(folder: Path) -> list[int]:
    path = folder / "pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def wait_for(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


WORKER = """
import asyncio, json, os, sys
from bedside.agent.ssh.children import Command, Leash
from bedside.agent.tether import start_leash
from bedside.agent.users import SessionUsers

async def main(folder, commands):
    pid, control = start_leash(SessionUsers())
    leash = Leash(control)
    null = os.open("/dev/null", os.O_RDWR)
    for command in commands:
        await leash.spawn(
            Command(argv=["/bin/sh", "-c", command], folder=folder,
                    environment={"PATH": os.defpath, "BEDSIDE_SESSION": "S"}),
            [null, null, null])
    print(pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
"""


@contextlib.contextmanager
def worker(folder: Path):
    """A worker that started every kind of escape; yields it and its leash's pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), json.dumps(list(ESCAPES.values()))],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        leash = int(process.stdout.readline())
        assert wait_for(lambda: len(pids(folder)) == len(ESCAPES), 60), pids(folder)
        yield process, leash
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        for pid in pids(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_when_the_worker_is_killed_every_process_dies(tmp_path):
    with worker(tmp_path) as (process, leash):
        assert all(alive(pid) for pid in pids(tmp_path))
        process.kill()
        process.wait()
        assert wait_for(lambda: not any(alive(pid) for pid in pids(tmp_path)), 20)
        assert wait_for(lambda: not alive(leash), 20)


@contextlib.contextmanager
def held() -> Iterator[tuple[Leash, int]]:
    """A leash as the supervisor starts it, and its pid."""
    pid, control = start_leash(SessionUsers())
    leash = Leash(control)
    try:
        yield leash, pid
    finally:
        leash.close()
        os.waitpid(pid, 0)


@pytest.mark.asyncio
async def test_a_leash_that_is_gone_starts_nothing_and_its_children_count_as_killed():
    null = os.open("/dev/null", os.O_RDWR)
    with held() as (leash, pid):
        child = await leash.spawn(Command(argv=["/bin/sleep", "987"]), [null, null, null])
        os.kill(pid, signal.SIGKILL)
        assert await child.exited == -signal.SIGKILL
        with pytest.raises(LeashLostError):
            await leash.spawn(Command(argv=["/bin/true"]), [null, null, null])
        assert await leash.end() == 0
    os.close(null)


@pytest.mark.asyncio
async def test_a_child_reports_its_pid_and_status_and_takes_signals():
    null = os.open("/dev/null", os.O_RDWR)
    fds = [null, null, null]
    with held() as (leash, _pid):
        child = await leash.spawn(Command(argv=["/bin/sh", "-c", "exit 7"]), fds)
        assert await child.exited == 7
        child = await leash.spawn(Command(argv=["/bin/sleep", "60"]), fds)
        assert os.getsid(child.pid) == child.pid
        child.signal(signal.SIGINT)
        assert await child.exited == -signal.SIGINT
        with pytest.raises(FileNotFoundError):
            await leash.spawn(Command(argv=["/no/such/program"]), fds)
        with pytest.raises(OSError, match="too long"):
            await leash.spawn(Command(argv=["/bin/echo", "x" * 200_000]), fds)
        await leash.spawn(Command(argv=["/bin/sleep", "60"]), fds)
        assert await leash.end() == 0
        child = await leash.spawn(Command(argv=["/bin/true"]), fds)
        assert await child.exited == 0
    os.close(null)


@pytest.mark.asyncio
async def test_a_child_gets_a_clean_world(tmp_path):
    os.environ["BEDSIDE_TEST_LEAK"] = "1"  # noqa: TID251 - what must not leak
    read, write = os.pipe()
    leak = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leak, True)
    command = "env; ls /proc/self/fd | wc -l; ulimit -c; grep NoNewPrivs /proc/self/status; pwd"
    environment = {"PATH": "/usr/bin:/bin", "BEDSIDE_SESSION": SESSION}
    try:
        with held() as (leash, _pid):
            child = await leash.spawn(
                Command(argv=["/bin/sh", "-c", command], environment=environment),
                [leak, write, write],
            )
            assert await child.exited == 0
        lines = os.read(read, 65536).decode().splitlines()
        assert f"BEDSIDE_SESSION={SESSION}" in lines
        assert not any("LEAK" in line for line in lines)
        assert lines[-4:] == ["4", "0", "NoNewPrivs:\t1", "/"]
    finally:
        del os.environ["BEDSIDE_TEST_LEAK"]  # noqa: TID251
        for fd in (read, write, leak):
            os.close(fd)


@pytest.mark.asyncio
async def test_the_end_of_a_session_cuts_it_and_leaves_nobody(tmp_path):
    async with device(tmp_path) as play:
        everything = "".join(f"({command}) & " for command in ESCAPES.values())
        run = await play.start("ssh", "device", f"cd {tmp_path}; {everything} wait")
        await until(lambda: len(pids(tmp_path)) == len(ESCAPES), 30)
        assert await play.endpoint.end() == 0
        assert not any(alive(pid) for pid in pids(tmp_path))
        assert await asyncio.wait_for(run.wait(), 60) == 255
        await run.communicate()


@pytest.mark.asyncio
async def test_a_channel_that_closes_hangs_up_its_process(tmp_path):
    async with device(tmp_path) as play:
        run = await play.start("ssh", "-tt", "device", f"echo $$ > {tmp_path}/pids; exec sleep 987")
        await until(lambda: bool(pids(tmp_path)))
        run.kill()
        await run.communicate()
        await until(lambda: not alive(pids(tmp_path)[0]))


@pytest.mark.asyncio
async def test_after_the_end_nothing_is_served(tmp_path):
    async with device(tmp_path) as play:
        assert (await play.run("ssh", "device", "true")).status == 0
        await play.endpoint.end()
        assert (await play.run("ssh", "device", "true")).status == 255
        assert play.hooks.live == 1
