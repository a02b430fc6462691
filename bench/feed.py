"""What news of devices cost the console, whatever the size of the fleet.

A real `live` and a real `worker` over SQLite and over PostgreSQL; four relays' own links to them, over
TLS with signed assertions, and 100 events a second: devices with news, late ones, lost ones, and
those that come back. Measured at each size of `DEVICES` (10000 1000000), on the same console.

Environment: `SECONDS_EACH` (60), `EVENTS` a second (100), `DATABASES` (`sqlite postgresql`).
"""

import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import cycle
from pathlib import Path
from random import Random

from bedside.pki.contexts import console_client_context
from bedside.protocol.batch import Absent, Overdue, Presence, RelayEvent
from bedside.protocol.shapes import JournalHead
from bedside.relay.console_client import ConsoleIdentity, HttpClient
from bedside.relay.console_line import ConsolePlace
from bedside.relay.console_link import ConsoleLink, LinkTimes
from bedside.relay.driver import Door, DoorLimits
from bedside.relay.log import Log
from bedside.relay.owed import Owed
from bedside.relay.proofs import Assertions
from bedside.relay.spool import SpoolLimits
from bedside.vocabulary import Activity, DeviceId, PollMode, RelayName
from bench.figures import cpu_seconds, report, say
from tests.console.live.processes import Console, Live
from tests.postgresql import Cluster

_ENVIRONMENT = os.environ  # noqa: TID251 - a benchmark's size is set by whoever runs it
SIZES = [int(each) for each in _ENVIRONMENT.get("DEVICES", "10000 1000000").split()]
SECONDS = float(_ENVIRONMENT.get("SECONDS_EACH", "60"))
EVENTS = float(_ENVIRONMENT.get("EVENTS", "100"))
KINDS = _ENVIRONMENT.get("DATABASES", "sqlite postgresql").split()
RELAYS = [RelayName(name) for name in "abcd"]
_WARM_UP_S = 5
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_ADD_RELAYS = """
from django.core.management import call_command
for name in ("c", "d"):
    call_command("add_relay", name, host="127.0.0.1", server_name=f"{name}.relay.example")
"""


def main() -> None:
    """Measure each kind of database at each size."""
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder, _database(kind) as (line, server):
            console = Console.make(Path(folder) / "console", line)
            try:
                console.script(_ADD_RELAYS)
                figures = [_measure(kind, console, size, server) for size in SIZES]
            finally:
                console.end()
        report(f"feed.cpu_growth.{kind}", figures[-1] / figures[0], "x")


@contextmanager
def _database(kind: str) -> Iterator[tuple[str, list[int]]]:
    """Give a configuration's line for an empty database, and the processes of its server."""
    if kind == "sqlite":
        yield "", []
        return
    cluster = Cluster(_DURABLE)
    try:
        yield f'database = "{cluster.place.create("console")}"', [cluster.process.pid]
    finally:
        cluster.stop()


def _measure(kind: str, console: Console, size: int, server: list[int]) -> float:
    """Measure one size; return the console's CPU in hundredths of a core."""
    begun = time.monotonic()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "bench.feed",
            "fill",
            str(console.folder / "console.toml"),
            str(size),
        ],
        check=True,
    )
    say(f"{kind}: {size} devices filled in {time.monotonic() - begun:.0f} s")
    live, worker = console.live(), console.worker()
    try:
        return asyncio.run(_run(f"{kind}.{size}", live, [live.process.pid, worker.pid], server))
    finally:
        for process in (live.process, worker):
            process.terminate()
            process.wait()


async def _run(name: str, live: Live, console: list[int], server: list[int]) -> float:
    size = int(name.rpartition(".")[2])
    async with AsyncExitStack() as stack:
        relays = [await stack.enter_async_context(_relay(each, live)) for each in RELAYS]
        await asyncio.sleep(_WARM_UP_S)
        idle, _ = await _cpu(console, server)
        report(f"feed.idle_cpu.{name}", idle, "%")
        random = Random(7)  # noqa: S311 - which devices have news
        stories = [_story(random, index, size) for index in range(len(RELAYS))]
        telling = asyncio.create_task(_tell(relays, stories))  # noqa: TID251
        await asyncio.sleep(_WARM_UP_S)
        before = sum(map(_told, relays))
        busy, database = await _cpu(console, server)
        told = sum(map(_told, relays)) - before
        telling.cancel()
    report(f"feed.events.{name}", told / SECONDS, "/s")
    report(f"feed.cpu.{name}", busy, "%")
    if server:
        report(f"feed.database_cpu.{name}", database, "%")
    return busy


async def _cpu(*groups: list[int]) -> list[float]:
    """Return what each group of processes used for a while, in hundredths of a core."""
    before = [cpu_seconds(group) for group in groups]
    await asyncio.sleep(SECONDS)
    after = [cpu_seconds(group) for group in groups]
    return [(late - early) / SECONDS * 100 for early, late in zip(before, after, strict=True)]


@asynccontextmanager
async def _relay(name: RelayName, live: Live) -> AsyncIterator[Owed]:
    """A relay's own link to the console, without devices."""
    folder = live.console.folder / "data" / "relays" / name
    identity = ConsoleIdentity(
        console_client_context((folder / "ca.pem").read_text()),
        Assertions(name, folder / "key.pem"),
    )
    place = ConsolePlace("localhost", live.relay_port, "localhost")
    log = Log(name)
    door = Door((), DoorLimits(), welcome=_nobody, gone=_nobody, refusal=_nobody, abuse=_nobody)
    with tempfile.TemporaryDirectory() as spool:
        # The link is made from what it is told by.
        owed = Owed(SpoolLimits(), Path(spool) / "spool", log=log, news=lambda: link.owes())  # noqa: PLW0108
        link = ConsoleLink(
            name,
            lambda: HttpClient(place, lambda: identity, door),
            owed,
            hand_on=lambda _lone: None,
            apply=lambda _reply: None,
            log=log,
            times=LinkTimes(),
            random=Random(),  # noqa: S311 - spreads moments in time
        )
        owed.open()
        door.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                loops = [
                    tasks.create_task(link.follow_feed()),
                    tasks.create_task(link.post_batches()),
                ]
                yield owed
                for loop in loops:
                    loop.cancel()
        finally:
            door.close()
            await owed.close()


def _nobody(*_anything: object) -> None:
    """No device comes."""


def _told(owed: Owed) -> int:
    """How many events the console has acknowledged."""
    return owed.spool.newest - len(owed)


async def _tell(relays: list[Owed], stories: list[Iterator[RelayEvent]]) -> None:
    """Let the relays tell in turn, evenly, for ever."""
    begun = time.monotonic()
    for count, (owed, story) in enumerate(cycle(zip(relays, stories, strict=True))):
        await asyncio.sleep(max(0.0, begun + count / EVENTS - time.monotonic()))
        owed.add(next(story))


def _story(random: Random, relay: int, size: int) -> Iterator[RelayEvent]:
    """News of one relay's devices: most have something to tell, some are late, some lost; all return."""
    away: list[DeviceId] = []
    while True:
        device = DeviceId(f"CI-{random.randrange(size // 4) * 4 + relay:07d}")
        chance = random.random()
        now = time.time_ns() // 1_000_000
        if chance < 0.15:
            yield Overdue(device=device, at_ms=now, polled_ms=now - 45_000)
            away.append(device)
        elif chance < 0.3 and away:
            yield Absent(device=away[0], at_ms=now, polled_ms=now - 75_000)
        elif chance < 0.5 and away:
            yield _seen(away.pop(0), now)
        else:
            yield _seen(device, now)


def _seen(device: DeviceId, now: int) -> Presence:
    return Presence(
        device=device, instance=_instance(device), at_ms=now, mode=PollMode.HELD,
        activity=Activity.IDLE, version="0.1.0", configuration=1,
        journal=JournalHead(size=now, head=secrets.token_hex(32)), address="192.0.2.1",
    )  # fmt: skip


def _instance(device: str) -> str:
    return f"{int(device.removeprefix('CI-')):032x}"


def fill(config: str, size: int) -> None:
    """Let a console know so many devices, each seen at one of the relays."""
    _ENVIRONMENT["BEDSIDE_CONSOLE_CONFIG"] = config
    _ENVIRONMENT["DJANGO_SETTINGS_MODULE"] = "bedside.console.project.settings"
    import django

    django.setup()
    from django.db import connection, transaction

    from bedside.console.accounts.models import Organisation
    from bedside.console.devices.models import Device, Product
    from bedside.console.relays.models import DevicePresence
    from tests.console.crowd import pour

    site, _ = Organisation.objects.get_or_create(key="site", name="Site", kind="site", country="CA")
    product, _ = Product.objects.get_or_create(name="injector", version="1", profile="")
    known = Device.objects.count()
    device = Device(product=product, site=site, display_name="Injector", state="enrolled")
    seen = DevicePresence(
        at_ms=1, polled_ms=1, mode="held", activity="idle", version="0.1.0", configuration=1,
        journal_size=1, journal_head="0" * 64, address="192.0.2.1",
    )  # fmt: skip
    ids = [f"CI-{number:07d}" for number in range(known, size)]
    with transaction.atomic():
        pour(device, ({"id": each} for each in ids))
        pour(
            seen,
            (
                {"device": each, "relay": RELAYS[number % 4], "instance": _instance(each)}
                for number, each in enumerate(ids, start=known)
            ),
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


if __name__ == "__main__":
    fill(sys.argv[2], int(sys.argv[3])) if sys.argv[1:2] == ["fill"] else main()
