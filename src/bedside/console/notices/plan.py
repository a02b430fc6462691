"""When a notice is tried again, and when it is given up: pure."""

from dataclasses import dataclass

__all__ = ["MAX_TRIES", "Next", "after_failure"]

_WAITS_S = (30, 120, 600, 1800, 3600, 7200, 14_400, 28_800)
MAX_TRIES = len(_WAITS_S) + 1


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a notice that was not taken: tried again at `at_ms`, or given up (None)."""

    at_ms: int | None


def after_failure(tries: int, *, lasting: bool, now_ms: int) -> Next:
    """Return what follows a failure.

    Args:
        tries: how often it was tried, this time included.
        lasting: whether the other side said that trying again is of no use.
        now_ms: Unix milliseconds.
    """
    if lasting or tries >= MAX_TRIES:
        return Next(None)
    return Next(now_ms + _WAITS_S[tries - 1] * 1000)
