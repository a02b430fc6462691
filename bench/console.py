"""Every page, list and reading operation of the console over a large fleet, on SQLite and PostgreSQL.

Environment: `DEVICES`, `PEOPLE`, `JOURNAL`, `SESSIONS` and `SITES` change the size (100000, 10000,
1000000, 100000, 1000), `ROUNDS` how often each page is asked for (25), `DATABASES` which databases
(`sqlite postgresql`). Pages are asked through Django's own stack in one process: what a web worker
does for each request, without the network. PostgreSQL runs beside it with full durability.

A filled database is kept for half a day in the temporary folder `bedside-bench-UID`, and used again.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench._console_database import prepared
from bench.figures import median, report, say

_ENVIRONMENT = os.environ  # noqa: TID251 - a benchmark's size is set by whoever runs it
ROUNDS = int(_ENVIRONMENT.get("ROUNDS", "25"))
KINDS = _ENVIRONMENT.get("DATABASES", "sqlite postgresql").split()
_P95 = 0.95
_WARM_UP = 2


def main() -> None:
    """Measure each kind in a process of its own, then say the worst of all."""
    worst = []
    for kind in KINDS:
        done = subprocess.run(
            [sys.executable, "-m", "bench.console", kind],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        print(done.stdout, end="", flush=True)
        figures = dict(line.split(" ")[:2] for line in done.stdout.splitlines())
        worst.append(float(figures[f"console.{kind}.page_p95.worst"]))
    report("console.page_p95.worst", max(worst), "ms")


def one(kind: str) -> None:
    """Measure one kind of database."""
    sizes = {
        name.lower(): int(_ENVIRONMENT.get(name, default))
        for name, default in (
            ("SITES", "1000"), ("DEVICES", "100000"), ("PEOPLE", "10000"),
            ("JOURNAL", "1000000"), ("SESSIONS", "100000"),
        )
    }  # fmt: skip
    with prepared(kind, {**sizes, "each": 30}) as things:
        _pages(kind, things)
        _decisions(kind)


def _pages(kind: str, things: dict[str, str]) -> None:
    from tests.console.tour import OPERATIONS, PAGES, Walker

    worst, asked, cpu = 0.0, 0, 0.0
    for stop in [*PAGES, *OPERATIONS]:
        walker = Walker(stop, things)
        begun = time.process_time()
        times = [_timed(walker.open) for _ in range(ROUNDS + _WARM_UP)][_WARM_UP:]
        cpu += time.process_time() - begun
        asked += ROUNDS + _WARM_UP
        p95 = _p95(times)
        report(f"console.{kind}.{stop.title}.p50", median(times), "ms")
        report(f"console.{kind}.{stop.title}.p95", p95, "ms")
        worst = max(worst, p95)
    report(f"console.{kind}.page_p95.worst", worst, "ms")
    report(f"console.{kind}.requests_per_core", asked / cpu, "/s")


def _decisions(kind: str) -> None:
    from bedside.console.devices.models import Device
    from bedside.console.pages.queries import preview
    from bedside.policy.facts import RequestFacts
    from bedside.vocabulary import AccessKind, Mode
    from tests.console.world import DEVICE, person

    marie, device = person("Marie"), Device.objects.get(pk=DEVICE)
    wanted = RequestFacts(AccessKind.SYSTEM, Mode.CONTROL, 1800, "C-1", "x")
    times = [_timed(lambda: preview(marie, device, wanted)) for _ in range(ROUNDS * 4)]
    report(f"console.{kind}.decide.p50", median(times), "ms")
    report(f"console.{kind}.decide.p95", _p95(times), "ms")


def _timed(call: Callable[[], object]) -> float:
    """Return how long a call takes, in milliseconds."""
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1000


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * _P95)]


if __name__ == "__main__":
    say(
        f"{os.cpu_count()} processors, Python {sys.version.split()[0]}, {Path('/proc/loadavg').read_text().split()[0]} busy"
    )
    one(sys.argv[1]) if len(sys.argv) > 1 else main()
