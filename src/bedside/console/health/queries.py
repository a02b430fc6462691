"""What can be read of the console's state, in few and bounded questions."""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Max, Min, Q

from bedside.console.enrolment.authority import root_certificate_path
from bedside.console.health.models import ProcessSeen
from bedside.console.health.tracing import traces_are_off
from bedside.console.journal.actions import now_ms
from bedside.console.journal.custody import is_foreign, is_secret_key_missing, newest_note
from bedside.console.journal.queries import devices_in_conflict, log_status, oldest_unsealed_ms
from bedside.console.keys import key_store
from bedside.console.monitoring.models import Alarm
from bedside.console.notices.models import Notice
from bedside.console.relays.models import DevicePresence, Relay, UnseenDevice
from bedside.console.relays.queries import retired_relays
from bedside.console.service_sessions.models import ServiceSession
from bedside.pki.keystore import KeyName, KeyStoreError
from bedside.protocol.presence import is_relay_lost
from bedside.protocol.states import OPEN

__all__ = [
    "PROCESSES",
    "PROCESS_MS",
    "Outbox",
    "Reading",
    "RelaySeen",
    "beats_of",
    "certificate_ends",
    "check_database",
    "missing_keys",
    "read",
    "unapplied_migrations",
]

PROCESSES = ("web", "live", "worker")
"""Which processes a console has."""
PROCESS_MS = 60_000
"""Without a word for so long, a process is taken to have ended."""
_MOST_BEATS = 100


@dataclass(frozen=True, slots=True)
class RelaySeen:
    """A relay: when it last asked (Unix milliseconds), and how many devices poll there.

    It makes nobody online while it is lost.
    """

    name: str
    seen_ms: int | None
    devices: int
    offset_ms: int = 0
    """Its clock less the console's."""
    unknown: int = 0
    """Devices of which it said last that they poll, where it is lost: nobody knows."""
    refused_ms: int | None = None
    """When somebody last came in its name with another key."""
    drains: bool = False
    """It said that it is about to stop."""


@dataclass(frozen=True, slots=True)
class _Polling:
    """Devices of one relay: those that poll, those of them that are late, those that do not."""

    online: int
    overdue: int
    silent: int


_NONE = _Polling(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Outbox:
    """How many notices wait and since when, and how many were given up."""

    waiting: int
    oldest_ms: int | None
    dead: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that status and metrics are made of, as it was at one moment."""

    database: str
    unapplied: tuple[str, ...]
    missing_keys: tuple[str, ...]
    certificates: dict[str, int]
    """When each runs out (Unix milliseconds), by what it is."""
    keys_are_foreign: bool
    """Whether the keys here are not those that signed the journal."""
    folder: str
    """Where this host has its keys."""
    processes: dict[str, int | None]
    """When a process of each kind last said that it runs; None for never."""
    relays: tuple[RelaySeen, ...]
    sealed: int
    sealed_ms: int | None
    unsealed: int
    unsealed_since_ms: int | None
    outbox: Outbox
    sessions: dict[str, int] = field(default_factory=dict)
    """Open sessions by their state."""
    online: int = 0
    overdue: int = 0
    """Of these, devices whose poll is late."""
    relay_lost: int = 0
    """Devices of a relay that is lost: nobody knows whether they poll."""
    alarms: int = 0
    """Alarms on silence that are open."""
    silent: int = 0
    """Devices that polled once and do not now."""
    unseen: int = 0
    """Devices that are expected and have never polled."""
    conflicts: int = 0
    """Devices whose journal contradicted what the console had of it."""
    admin_off: tuple[str, ...] = ()
    """Processes that run without the admin address that their configuration names: `web (HOST)`."""
    traces_off: bool = False
    """Whether traces are wanted, and their packages are missing on this host."""


def check_database() -> str:
    """Ask the database something; return its name. Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(
        connection.vendor, connection.vendor
    )


def beats_of(kind: str) -> frozenset[tuple[int, int]]:
    """Return what the processes of a kind said last: which row it is, and when, by their own clock."""
    # A process that is killed and started over and over leaves a row each time, for a day.
    rows = ProcessSeen.objects.filter(kind=kind).order_by("-seen_ms")[:_MOST_BEATS]
    return frozenset(rows.values_list("pk", "seen_ms"))


def unapplied_migrations() -> tuple[str, ...]:
    """Return the migrations of this version that the database does not have."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return tuple(f"{each.app_label}.{each.name}" for each, _ in plan)


def missing_keys() -> tuple[str, ...]:
    """Return the keys that cannot be read."""
    store, missing = key_store(), []
    for name in KeyName:
        try:
            # One that was read before is remembered: whether it is still there is asked besides.
            there = store.has(name) and store.public_key(name) is not None
        except (KeyStoreError, OSError):
            there = False
        if not there:
            missing.append(name.value)
    if is_secret_key_missing():
        missing.append("secret.key")
    return tuple(missing)


def _keys_are_foreign() -> bool:
    note = newest_note()
    try:
        return note is not None and is_foreign(note)
    except KeyStoreError:  # it is among the missing
        return False


def certificate_ends() -> dict[str, int]:
    """Return when the root, `live`'s and the relays' certificates run out (Unix milliseconds).

    A relay that is not retired says itself which it shows; of one that never did, the folder counts
    where it is still at the console. What cannot be read runs out at 0.
    """
    retired = {relay.name for relay in retired_relays()}
    folder = Path(settings.BEDSIDE_DATA_DIR)
    files = {"root": root_certificate_path(), "live": folder / "live" / "certificate.pem"}
    for relay in sorted((folder / "relays").glob("*/certificate.pem")):
        if relay.parent.name not in retired:
            files[f"relay {relay.parent.name}"] = relay
    rows = Relay.objects.filter(retired_ms=None).order_by("name")
    told = rows.exclude(certificate_ends_ms=None).values_list("name", "certificate_ends_ms")
    shown = {f"relay {name}": ends_ms or 0 for name, ends_ms in told}
    return {name: _ends(file) for name, file in files.items() if name not in shown} | shown


def read() -> Reading:
    """Read everything at once. Raises DatabaseError."""
    log = log_status()
    polling = _polling()
    relays = _relays(polling)
    heard = [polling[relay.name] for relay in relays if relay.devices]
    online = sum(each.online for each in heard)
    return Reading(
        database=check_database(),
        unapplied=unapplied_migrations(),
        missing_keys=missing_keys(),
        certificates=certificate_ends(),
        keys_are_foreign=_keys_are_foreign(),
        folder=str(settings.BEDSIDE_DATA_DIR),
        processes=_processes(),
        relays=relays,
        sealed=log.size,
        sealed_ms=log.sealed_ms,
        unsealed=log.unsealed,
        unsealed_since_ms=oldest_unsealed_ms(),
        outbox=_outbox(),
        sessions=_sessions(),
        online=online,
        overdue=sum(each.overdue for each in heard),
        relay_lost=sum(each.online for each in polling.values()) - online,
        alarms=Alarm.objects.filter(cleared_ms__isnull=True).count(),
        silent=sum(each.silent for each in polling.values()),
        unseen=UnseenDevice.objects.count(),
        conflicts=devices_in_conflict(),
        admin_off=_admin_off(),
        traces_off=traces_are_off(),
    )


def _ends(file: Path) -> int:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        return 0
    return int(certificate.not_valid_after_utc.timestamp() * 1000)


def _processes() -> dict[str, int | None]:
    newest = ProcessSeen.objects.values("kind").annotate(seen=Max("seen_ms"))
    seen = {row["kind"]: row["seen"] for row in newest}
    return {kind: seen.get(kind) for kind in PROCESSES}


def _admin_off() -> tuple[str, ...]:
    """Return whom the newest of its kind on each host says to be so: it took the place of the others."""
    rows = ProcessSeen.objects.filter(seen_ms__gte=now_ms() - PROCESS_MS).order_by("started_ms")
    newest = {(row.kind, row.host): row.admin_off for row in rows}
    return tuple(f"{kind} ({host})" for (kind, host), off in sorted(newest.items()) if off)


def _polling() -> dict[str, _Polling]:
    """Count the devices that were seen, by relay: one look at a table of the fleet's size."""
    counted = (
        DevicePresence.objects.order_by()
        .values("relay")
        .annotate(
            on=Count("pk", filter=Q(online=True)),
            late=Count("pk", filter=Q(online=True, late=True)),
            off=Count("pk", filter=Q(online=False)),
        )
    )
    return {row["relay"]: _Polling(row["on"], row["late"], row["off"]) for row in counted}


def _relays(polling: dict[str, _Polling]) -> tuple[RelaySeen, ...]:
    rows = Relay.objects.filter(retired_ms=None).order_by("name")
    moment, found = now_ms(), []
    columns = "name", "seen_ms", "offset_ms", "refused_ms", "draining_until_ms", "begun_anew"
    for name, seen_ms, offset_ms, refused_ms, until_ms, begun_anew in rows.values_list(*columns):
        last = polling.get(name, _NONE).online
        known, unknown = (0, last) if is_relay_lost(seen_ms, now=moment) else (last, 0)
        drains = until_ms is not None and not begun_anew
        found.append(RelaySeen(name, seen_ms, known, offset_ms, unknown, refused_ms, drains))
    return tuple(found)


def _outbox() -> Outbox:
    waiting = Notice.objects.filter(state=Notice.State.WAITING).aggregate(
        n=Count("pk"), oldest=Min("created_ms")
    )
    dead = Notice.objects.filter(state=Notice.State.DEAD).count()
    return Outbox(waiting["n"], waiting["oldest"], dead)


def _sessions() -> dict[str, int]:
    found = ServiceSession.objects.filter(state__in=sorted(OPEN)).order_by()
    counted = {row["state"]: row["n"] for row in found.values("state").annotate(n=Count("pk"))}
    return {state.value: counted.get(state.value, 0) for state in sorted(OPEN)}
