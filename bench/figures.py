"""What every benchmark prints, and how it counts: `name value unit`, medians, CPU of process trees."""

import os
import statistics
from collections.abc import Iterable
from pathlib import Path

__all__ = ["cpu_seconds", "median", "report"]

_TICK = os.sysconf("SC_CLK_TCK")


def report(name: str, value: float, unit: str) -> None:
    """Print one figure."""
    print(f"{name} {value:.3f} {unit}", flush=True)


def median(values: Iterable[float]) -> float:
    """Return the median of what was measured in all rounds."""
    return statistics.median(values)


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time of these processes and of all children that they have waited for."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15])
    return total / _TICK
