"""None is left: below a process, of a user, with a mark. Real processes; numbers nobody else uses."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator

from bedside.agent.ssh.ending import end_below, end_marked, end_user, hang_up_below, main
from bedside.agent.users import SessionUsers, find_user
from tests.agent.ssh.test_children import alive, wait_for

OURS = find_user(2_010_000_000 + os.getpid())
OTHERS = find_user(2_020_000_000 + os.getpid())
# This Python may be out of another user's reach: it becomes that user when all is loaded.
PRELUDE = """
import ctypes, os, signal, subprocess, sys, threading, time
if {uid}:
    os.setgroups([])
    os.setresgid({uid}, {uid}, {uid})
    os.setresuid({uid}, {uid}, {uid})
"""
# One that has forked again and again: a parent and its child are gone before anybody can count them.
RUNNER = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
print("up", flush=True)
while True:
    if os.fork():
        os._exit(0)
    os.setsid()
"""
# One that kills whoever of its user is there, as fast as it can.
KILLER = """
print("up", flush=True)
while True:
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""
# Its first thread is over, so that it looks dead; another goes on.
HEADLESS = """
threading.Thread(target=lambda: (print("up", flush=True), time.sleep(987))).start()
ctypes.CDLL(None).pthread_exit(None)
"""


@contextlib.contextmanager
def running(*programs: str, user=None, environment=None) -> Iterator[list[subprocess.Popen]]:
    """Python programs that say `up`, as `user` where we may."""
    prelude = PRELUDE.format(uid=user.uid if user is not None and os.geteuid() == 0 else 0)
    started = [
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", prelude + program],
            stdout=subprocess.PIPE,
            env=environment or {},
        )
        for program in programs
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


COMMAND = 'print("up", flush=True); os.execv("/bin/sleep", ["sleep", "987"])'
SLEEPER = 'print("up", flush=True); time.sleep(987)'


def test_whatever_runs_as_a_user_ends_and_nobody_else_does():
    with (
        running(SLEEPER, RUNNER, HEADLESS, user=OURS) as ours,
        running(SLEEPER, user=OTHERS) as (other,),
        running(SLEEPER) as (own,),
    ):
        if os.geteuid() != 0:
            # Who may not become it ends nothing, and above all not its own processes.
            assert end_user(find_user(0)) != set()
            assert alive(own.pid)
            return
        assert end_user(OURS) == set()
        assert not any(alive(process.pid) for process in ours)
        assert alive(other.pid)
        assert alive(own.pid)
        assert end_user(OTHERS) == set()


def test_one_that_kills_its_killers_ends():
    if os.geteuid() != 0:
        assert end_user(OURS) == set()
        return
    with running(KILLER, user=OURS):
        assert end_user(OURS) == set()


def test_whatever_is_below_a_process_ends_but_those_that_are_spared():
    child = f"subprocess.run([sys.executable, '-c', 'import time;' + {SLEEPER!r}])"
    with running(child, HEADLESS) as (parent, headless), running(SLEEPER) as (spared,):
        assert end_below(os.getpid(), {spared.pid}) == set()
        assert wait_for(lambda: not alive(parent.pid) and not alive(headless.pid), 20)
        assert alive(spared.pid)
        hang_up_below(spared.pid)
        assert alive(spared.pid)
        hang_up_below(os.getpid())
        assert not alive(spared.pid)


def test_a_mark_is_found_and_no_other():
    mine = {"BEDSIDE_SESSION": "01JD5W8ZK3Q4R5S6T7V8W9X0YZ"}
    other = {"BEDSIDE_SESSION": "01JD5W8ZK3Q4R5S6T7V8W9X0YY"}
    with (
        running(COMMAND, user=OURS, environment=mine) as (ours,),
        running(COMMAND, environment=mine) as (own,),
        running(COMMAND, user=OURS, environment=other) as (others,),
    ):
        if os.geteuid() == 0:
            end_marked([mine["BEDSIDE_SESSION"]], OURS)
            assert wait_for(lambda: not alive(ours.pid), 20)
        assert alive(own.pid)
        end_marked([mine["BEDSIDE_SESSION"]])
        assert wait_for(lambda: not alive(own.pid) and not alive(ours.pid), 20)
        assert alive(others.pid)


def test_a_sweep_does_what_it_was_told():
    mark = "01JD5W8ZK3Q4R5S6T7V8W9X0YX"
    users = SessionUsers(OURS, None, separate=True) if os.geteuid() == 0 else SessionUsers()
    with (
        running(SLEEPER, user=OURS) as (ours,),
        running(SLEEPER, environment={"BEDSIDE_SESSION": mark}) as (marked,),
    ):
        told = json.dumps({"users": users, "below": ours.pid, "markers": [mark]})
        code = "import sys; from bedside.agent.ssh.ending import main; sys.exit(main(sys.argv[1:]))"
        done = subprocess.run([sys.executable, "-c", code, told], check=False)
        assert done.returncode == 0
        assert wait_for(lambda: not alive(marked.pid), 20)
        assert alive(ours.pid) is (os.geteuid() != 0)
    assert main([json.dumps({"users": SessionUsers(), "below": os.getpid(), "markers": []})]) == 0
