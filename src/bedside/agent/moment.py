"""The one place where the agent's programs read the wall clock."""

import time

__all__ = ["wall_ms"]


def wall_ms() -> int:
    """Return the wall clock, Unix milliseconds."""
    return time.time_ns() // 1_000_000
