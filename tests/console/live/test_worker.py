import signal
import subprocess
import sys

import pytest

from tests.console.live.processes import Console, within

WRITER = """
import time
from django.db import transaction
from bedside.audit.entry import SYSTEM, Thing
from bedside.console.journal.actions import record
from bedside.vocabulary import JournalAction
for number in range({count}):
    with transaction.atomic():
        record(JournalAction.DEVICE_LOCK_SET, actor=SYSTEM, thing=Thing("device", "CI-1"),
               detail={{"count": number}})
    time.sleep(0.004)
"""
STATUS = """
from bedside.console.journal.models import JournalRow
from bedside.console.journal.queries import log_status
rows = JournalRow.objects.all()
places = sorted(rows.exclude(sequence=None).values_list("sequence", flat=True))
print(rows.count(), len(places), places == list(range(len(places))), log_status().size)
"""
# One process that knows Django forks a writer, and workers that are killed at random moments. How long
# a worker may live follows how fast this machine is: about half of them have sealed when they die.
KILLS = """
import os, random, select, signal, time
from django.db import transaction
from bedside.audit.entry import SYSTEM, Thing
from bedside.console.journal.actions import record
from bedside.vocabulary import JournalAction
from django.db import connections
from bedside.console.journal.queries import log_status
from bedside.console.live.clockwork import Clockwork
from bedside.console.wake import listen

def fork(act):
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    return pid

told, tell = os.pipe()
begun, begin = os.pipe()
counted, count = os.pipe()

def write():
    # Written on and on until the last worker is dead.
    number = 0
    while not select.select([told], [], [], 0.004)[0]:
        with transaction.atomic():
            record(JournalAction.DEVICE_LOCK_SET, actor=SYSTEM, thing=Thing("device", "CI-1"),
                   detail={"count": number})
        number += 1
    os.write(count, str(number).encode())

def work():
    clockwork = Clockwork(listen(f"worker-{os.getpid()}"))
    os.write(begin, b"!")
    clockwork.run()

chance = random.Random(20417)
size, longest, kills, seals = log_status().size, 0.2, 0, 0
writer = fork(write)
while kills < 40 or seals < 10:
    worker = fork(work)
    os.read(begun, 1)
    time.sleep(chance.uniform(0.0, longest))
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    kills += 1
    before, size = size, log_status().size
    seals += size > before
    longest *= 1.2 if size == before else 1 / 1.2
os.write(tell, b"!")
os.waitpid(writer, 0)
print(int(os.read(counted, 20)))
"""


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    console = Console.make(tmp_path_factory.mktemp("worker") / "console")
    yield console
    console.end()


def status(console: Console) -> tuple[int, int, bool, int]:
    rows, placed, gapless, sealed = console.script(STATUS).split()
    return int(rows), int(placed), gapless == "True", int(sealed)


def all_sealed(console: Console) -> bool:
    rows, placed, gapless, sealed = status(console)
    return rows == placed == sealed and gapless


def test_kill_9_while_sealing_loses_and_doubles_nothing(console):
    before = status(console)[0]
    written = int(console.script(KILLS, timeout_s=500))
    rows, placed, gapless, sealed = status(console)
    assert written > 40
    assert rows == before + written
    assert gapless
    assert before < sealed <= placed <= rows
    console.worker()
    within(60, lambda: all_sealed(console))
    assert f"Entries that stand as they were sealed: {rows}." in console.run("journal", "verify")


def test_a_second_worker_stands_by_and_takes_over(console):
    first = console.worker()
    console.worker()
    for worker in console.started[:-2]:
        worker.send_signal(signal.SIGTERM)
    console.script(WRITER.format(count=1))
    within(60, lambda: all_sealed(console))
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    console.script(WRITER.format(count=1))
    within(60, lambda: all_sealed(console))


def test_an_export_is_verified_by_the_offline_verifier(console, tmp_path):
    file = tmp_path / "log.zip"
    console.run("journal", "export", str(file))
    done = subprocess.run(
        [sys.executable, "-m", "bedside", "audit", "verify", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_changed_row_is_found_by_name(console):
    console.script(WRITER.format(count=5))
    within(60, lambda: all_sealed(console))
    console.script(
        """
        from bedside.console.journal.models import JournalRow
        row = JournalRow.objects.get(sequence=4)
        row.entry = bytes(row.entry).replace(b"CI-1", b"CI-2")
        row.save()
        """
    )
    done = subprocess.run(
        console.command("journal", "verify"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Entry 4" in done.stderr
