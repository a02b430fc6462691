"""Whether a relay may be given devices: it listens, and its certificate holds for a day or more."""

from bedside.observe.health import Check, Health
from bedside.relay.server import Relay

__all__ = ["readiness"]

_DAY_MS = 24 * 3600 * 1000


def readiness(relay: Relay, *, now_ms: int) -> Health:
    """Return whether the relay is ready at a moment (Unix milliseconds), with the reasons.

    Neither a console that is away nor a disk that fails makes a relay unready: devices are served.
    """
    return Health.of(
        [
            _listening(relay, now_ms),
            _certificate(relay, now_ms),
            _console(relay, now_ms),
            _spool(relay),
        ]
    )


def _listening(relay: Relay, now_ms: int) -> Check:
    if relay.drain_ends_ms is not None and relay.door.listening:
        left_s = max(0, relay.drain_ends_ms - now_ms) // 1000
        said = f"it sends its devices away and stops within {left_s} s"
        return Check("listening", good=False, reason=said)
    if relay.drain_ends_ms is not None or not relay.door.listening:
        return Check("listening", good=False, reason="no: it stops")
    return Check("listening", good=True, reason="yes")


def _certificate(relay: Relay, now_ms: int) -> Check:
    left_ms = relay.certificate_ends_ms - now_ms
    if left_ms <= 0:
        said = "it has run out, devices cannot connect: renew it"
        return Check("certificate", good=False, reason=said)
    hours = left_ms // 3_600_000
    said = (
        f"valid for {hours // 24} days" if left_ms >= _DAY_MS else f"valid for {hours} h: renew it"
    )
    return Check("certificate", good=left_ms >= _DAY_MS, reason=said)


def _console(relay: Relay, now_ms: int) -> Check:
    if relay.console.connected:
        return Check("console", good=True, reason="it answers")
    heard = relay.console.heard_ms
    since = "not heard yet" if heard is None else f"away for {(now_ms - heard) // 1000} s"
    said = f"{since}; devices are served without it"
    return Check("console", good=True, reason=said)


def _spool(relay: Relay) -> Check:
    if relay.owed.is_failing:
        said = "its disk fails: reports stay with their devices, everything else goes on"
        return Check("spool", good=True, reason=said)
    return Check("spool", good=True, reason=f"{len(relay.spool)} events wait")
