"""When the supervisor starts or kills its worker, and when it sends journal news again: pure."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "HEARTBEAT_LIMIT_MS",
    "STOP_LIMIT_MS",
    "WorkerFacts",
    "WorkerStep",
    "next_worker_step",
    "restart_delay_ms",
    "sync_delay_ms",
]

HEARTBEAT_LIMIT_MS = 10_000
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
    heard_ms: int = 0
    stop_asked_ms: int | None = None
    not_before_ms: int = 0


def next_worker_step(facts: WorkerFacts, now_ms: int) -> WorkerStep:
    """Decide whether the worker is started, killed or left alone.

    It is killed when it was silent for HEARTBEAT_LIMIT_MS (hung), or when a Stop is older than
    STOP_LIMIT_MS and it has not said that the session is over (R13).
    """
    if facts.running:
        hung = now_ms - facts.heard_ms > HEARTBEAT_LIMIT_MS
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
