"""What of a reading is well and what needs a person: a pure judgement in plain sentences."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from bedside.console.health.queries import PROCESS_MS, Reading, RelaySeen
from bedside.language import N_
from bedside.observe.extra import TRACING_LOCK
from bedside.pki.keystore import KeyName
from bedside.protocol.presence import CLOCK_OFF_MS, is_relay_lost
from bedside.protocol.states import LIVE

__all__ = ["Ago", "Finding", "judge"]

_SECOND_MS = 1000
_DAY_MS = 24 * 3600 * _SECOND_MS
# A relay asks every 25 seconds.
_ASKS_MS = 30 * _SECOND_MS
_SEAL_MS = 60 * _SECOND_MS
_OUTBOX_MS = 3600 * _SECOND_MS
_CERTIFICATE_DAYS = 7
_ROOT_DAYS = 90


@dataclass(frozen=True, slots=True)
class Ago:
    """A stretch of time that is said in the reader's language."""

    ms: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: a marked sentence with its values; not `good` needs a person."""

    area: str
    good: bool
    sentence: str
    values: dict[str, str | int | Ago] = field(default_factory=dict)


def judge(reading: Reading, *, now_ms: int) -> tuple[Finding, ...]:
    """Return what is found at a moment (Unix milliseconds), in the order in which one looks."""
    return (
        Finding("database", True, N_("It answers: {database}."), {"database": reading.database}),
        _migrations(reading),
        _keys(reading),
        *_certificates(reading, now_ms),
        *_processes(reading, now_ms),
        *_relays(reading, now_ms),
        _journal(reading, now_ms),
        _outbox(reading, now_ms),
        _dead(reading),
        _sessions(reading),
        *_devices(reading),
        _alarms(reading),
    )


def _migrations(reading: Reading) -> Finding:
    if not reading.unapplied:
        return Finding("migrations", True, N_("The database is at this version."))
    words = N_("Not at this version: {count} to apply. Run: bedside console migrate")
    return Finding("migrations", False, words, {"count": len(reading.unapplied)})


def _keys(reading: Reading) -> Finding:
    values: dict[str, str | int | Ago] = {
        "names": ", ".join(reading.missing_keys),
        "folder": reading.folder,
    }
    if len(reading.missing_keys) >= len(KeyName):
        words = N_(
            "This host has none: missing in {folder} are {names}. Bring keys/, secret.key and ca.pem of "
            "the console there, or ask on the host that has them."
        )
    elif reading.missing_keys:
        words = N_("Cannot be read: {names}. Restore them from the backup.")
    elif reading.keys_are_foreign:
        words = N_(
            "Those in {folder} are another console's: they did not sign this journal. Bring keys/, "
            "secret.key and ca.pem of this console there, or name its own database."
        )
    else:
        return Finding("keys", True, N_("All keys can be read."))
    return Finding("keys", False, words, values)


def _certificates(reading: Reading, now_ms: int) -> Iterator[Finding]:
    for name, ends_ms in reading.certificates.items():
        days = (ends_ms - now_ms) // _DAY_MS
        values: dict[str, str | int | Ago] = {"name": name, "days": max(days, 0)}
        if not ends_ms:
            yield Finding("certificates", False, N_("{name}: cannot be read."), values)
        elif days >= (_ROOT_DAYS if name == "root" else _CERTIFICATE_DAYS):
            yield Finding("certificates", True, N_("{name}: days left: {days}."), values)
        elif name.startswith("relay ") and ends_ms <= now_ms:
            words = N_(
                "{name}: it has run out, and devices cannot connect. Renew it: bedside console "
                "renew-relay; then reload the relay."
            )
            yield Finding("certificates", False, words, values)
        elif name.startswith("relay "):
            words = N_("{name}: days left: {days}. Renew it: bedside console renew-relay")
            yield Finding("certificates", False, words, values)
        elif name == "live":
            words = N_("{name}: days left: {days}. Restart live, which renews it.")
            yield Finding("certificates", False, words, values)
        else:
            words = N_("{name}: days left: {days}. Plan its successor now.")
            yield Finding("certificates", False, words, values)


def _processes(reading: Reading, now_ms: int) -> Iterator[Finding]:
    for kind, seen_ms in reading.processes.items():
        values: dict[str, str | int | Ago] = {"kind": kind}
        if seen_ms is None:
            words = N_("{kind} does not run: start it.")
            yield Finding("processes", False, words, values)
            continue
        values["ago"] = Ago(max(0, now_ms - seen_ms))
        if now_ms - seen_ms > PROCESS_MS:
            words = N_("{kind} has been silent for {ago}: see whether it runs.")
            yield Finding("processes", False, words, values)
        else:
            yield Finding("processes", True, N_("{kind} runs, seen {ago} ago."), values)
    for process in reading.admin_off:
        words = N_(
            "{process} serves without its admin address, which cannot be had (admin_off in its log): "
            "mend [admin] and restart it."
        )
        yield Finding("processes", False, words, {"process": process})
    if reading.traces_off:
        words = N_(
            "The packages of [tracing] are missing, and there are no traces: pip install "
            "--require-hashes -r {lock}, then restart web and worker."
        )
        yield Finding("processes", False, words, {"lock": TRACING_LOCK})


def _relays(reading: Reading, now_ms: int) -> Iterator[Finding]:
    if not reading.relays:
        words = N_("None is known yet: bedside console add-relay makes one known.")
        yield Finding("relays", False, words)
    for relay in reading.relays:
        yield _relay(relay, now_ms)


def _relay(relay: RelaySeen, now_ms: int) -> Finding:
    values: dict[str, str | int | Ago] = {"name": relay.name, "devices": relay.devices}
    if _is_refused(relay, now_ms):
        words = N_(
            "{name} is refused: what it sends is signed by another key than the console knows. Bring "
            "it the key that add-relay made last, and reload it."
        )
        return Finding("relays", False, words, values)
    if relay.seen_ms is None:
        return Finding("relays", False, N_("{name} has never asked: start it."), values)
    values["ago"] = Ago(max(0, now_ms - relay.seen_ms))
    if is_relay_lost(relay.seen_ms, now=now_ms) and relay.drains:
        words = N_("{name} was stopped as planned {ago} ago, and has not come back: start it.")
        return Finding("relays", False, words, values)
    if is_relay_lost(relay.seen_ms, now=now_ms):
        words = N_("{name} has been silent for {ago}: see whether it runs and reaches the console.")
        return Finding("relays", False, words, values)
    if abs(relay.offset_ms) >= CLOCK_OFF_MS:
        values["off"] = Ago(abs(relay.offset_ms))
        words = (
            N_("{name}: its clock is {off} ahead of the console's: set it right.")
            if relay.offset_ms > 0
            else N_("{name}: its clock is {off} behind the console's: set it right.")
        )
        return Finding("relays", False, words, values)
    if relay.drains:
        words = N_("{name} is about to stop, as planned; devices that still poll there: {devices}.")
        return Finding("relays", True, words, values)
    words = N_("{name} asked {ago} ago; devices that poll there: {devices}.")
    return Finding("relays", True, words, values)


def _is_refused(relay: RelaySeen, now_ms: int) -> bool:
    """Whether it comes, and its key is not ours; a stranger in the name of one that is heard counts not."""
    refused, seen = relay.refused_ms, relay.seen_ms or 0
    if refused is None or is_relay_lost(refused, now=now_ms):
        return False
    return refused > seen and now_ms - seen > _ASKS_MS


def _journal(reading: Reading, now_ms: int) -> Finding:
    values: dict[str, str | int | Ago] = {"sealed": reading.sealed, "unsealed": reading.unsealed}
    since = reading.unsealed_since_ms
    if since is not None and now_ms - since > _SEAL_MS:
        values["ago"] = Ago(now_ms - since)
        words = N_("Entries have waited for their seal for {ago}: see whether worker runs.")
        return Finding("journal", False, words, values)
    if reading.sealed_ms is None:
        return Finding("journal", True, N_("Nothing is sealed yet."), values)
    values["ago"] = Ago(max(0, now_ms - reading.sealed_ms))
    words = N_("Sealed: {sealed}; waiting: {unsealed}; last checkpoint {ago} ago.")
    return Finding("journal", True, words, values)


def _outbox(reading: Reading, now_ms: int) -> Finding:
    outbox = reading.outbox
    values: dict[str, str | int | Ago] = {"waiting": outbox.waiting}
    if outbox.oldest_ms is not None and now_ms - outbox.oldest_ms > _OUTBOX_MS:
        values["ago"] = Ago(now_ms - outbox.oldest_ms)
        words = N_("Notices have waited for {ago}: see [mail] in the configuration.")
        return Finding("outbox", False, words, values)
    return Finding("outbox", True, N_("Notices that wait: {waiting}."), values)


def _dead(reading: Reading) -> Finding:
    dead = reading.outbox.dead
    if not dead:
        return Finding("outbox", True, N_("No notice was given up."), {"dead": 0})
    words = N_("Notices that were given up: {dead}. See the page of notices.")
    return Finding("outbox", False, words, {"dead": dead})


def _sessions(reading: Reading) -> Finding:
    live = sum(count for state, count in reading.sessions.items() if state in LIVE)
    values: dict[str, str | int | Ago] = {"open": sum(reading.sessions.values()), "live": live}
    return Finding("sessions", True, N_("Open: {open}; somebody is in: {live}."), values)


def _devices(reading: Reading) -> Iterator[Finding]:
    values: dict[str, str | int | Ago] = {
        "online": reading.online,
        "overdue": reading.overdue,
        "silent": reading.silent,
        "unseen": reading.unseen,
    }
    # A device that is off is a hospital's own business: it needs nobody by itself.
    words = N_("Polling: {online}; overdue: {overdue}; silent: {silent}; never seen: {unseen}.")
    yield Finding("devices", True, words, values)
    if reading.relay_lost:
        words = N_("Relay lost, so that nobody knows whether they poll: {count}.")
        yield Finding("devices", False, words, {"count": reading.relay_lost})
    if reading.conflicts:
        words = N_("Journals that contradict what the console has of them: {count}.")
        yield Finding("devices", False, words, {"count": reading.conflicts})


def _alarms(reading: Reading) -> Finding:
    if not reading.alarms:
        return Finding("alarms", True, N_("None is open."), {"count": 0})
    words = N_("Open: {count}. See the page of alarms.")
    return Finding("alarms", False, words, {"count": reading.alarms})
