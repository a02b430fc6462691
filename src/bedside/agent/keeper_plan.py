"""When the supervisor starts or kills its worker, and when it sends journal news again: pure."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "LOOK_MS",
    "SILENT_LOOKS",
    "STARTING_LOOKS",
    "STOP_LIMIT_MS",
    "WorkerFacts",
    "WorkerStep",
    "next_worker_step",
    "restart_delay_ms",
    "sync_delay_ms",
]

LOOK_MS = 2_000
SILENT_LOOKS = 5
"""In how many looks in a row a worker may have said nothing. They are counted, and time is not measured:
a machine that stood still is no worker that hangs."""
STARTING_LOOKS = 30
"""The same until its first word, before which a slow machine loads it."""
STOP_LIMIT_MS = 300


class WorkerStep(StrEnum):
    """What the supervisor does with its worker now."""

    KEEP = "keep"
    START = "start"
    KILL = "kill"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFacts:
    """The worker as the supervisor sees it; times are monotonic milliseconds."""

    running: bool
    has_work: bool = False
    has_spoken: bool = False
    silent_looks: int = 0
    stop_asked_ms: int | None = None
    not_before_ms: int = 0


def next_worker_step(facts: WorkerFacts, now_ms: int) -> WorkerStep:
    """Decide whether the worker is started, killed or left alone.

    It is killed when it was silent for SILENT_LOOKS looks (STARTING_LOOKS before its first word), or
    when a Stop is older than STOP_LIMIT_MS and it has not said that the session is over (R13).
    """
    if facts.running:
        hung = facts.silent_looks > (SILENT_LOOKS if facts.has_spoken else STARTING_LOOKS)
        late = facts.stop_asked_ms is not None and now_ms - facts.stop_asked_ms >= STOP_LIMIT_MS
        return WorkerStep.KILL if hung or late else WorkerStep.KEEP
    if facts.has_work and now_ms >= facts.not_before_ms:
        return WorkerStep.START
    return WorkerStep.KEEP


def sync_delay_ms(attempts: int) -> int:
    """Return how long to wait before journal news is sent again without a receipt: 1 s to 15 min."""
    return int(min(1000 * 4 ** min(attempts, 10), 15 * 60_000))


def restart_delay_ms(losses: int) -> int:
    """Return how long a worker that was lost `losses` times in a row stays down: 0 s to 60 s."""
    return 0 if losses <= 1 else int(min(500 * 2 ** min(losses, 10), 60_000))
