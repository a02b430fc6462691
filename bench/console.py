"""Every page, list and reading operation of the console over a large fleet, on SQLite and PostgreSQL.

Environment: `DEVICES`, `PEOPLE`, `JOURNAL`, `SESSIONS` and `SITES` change the size (100000, 10000,
1000000, 100000, 1000), `ROUNDS` how often each page is asked for (25), `DATABASES` which databases
(`sqlite postgresql`). Requests go to the WSGI application in one process, as a web worker hands them over, without the
network. PostgreSQL runs beside it with full durability.

A filled database is kept for half a day in the temporary folder `bedside-bench-UID`, and used again.
"""

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

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
    from bedside.console.project.wsgi import application  # settled, as a web process serves it
    from tests.console.tour import OPERATIONS, PAGES, Walker

    walkers = {stop.title: Walker(stop, things).environ() for stop in [*PAGES, *OPERATIONS]}
    times: dict[str, list[float]] = {title: [] for title in walkers}
    begun = 0.0
    # Round by round, so that what else the machine does falls on all alike.
    for turn in range(_WARM_UP + ROUNDS):
        if turn == _WARM_UP:
            begun = time.process_time()
        for title, environ in walkers.items():
            times[title].append(_timed(partial(_serve, application, environ)))
    cpu = time.process_time() - begun
    worst = 0.0
    for title, taken in times.items():
        report(f"console.{kind}.{title}.p50", median(taken[_WARM_UP:]), "ms")
        report(f"console.{kind}.{title}.p95", _p95(taken[_WARM_UP:]), "ms")
        worst = max(worst, _p95(taken[_WARM_UP:]))
    report(f"console.{kind}.page_p95.worst", worst, "ms")
    report(f"console.{kind}.requests_per_core", len(walkers) * ROUNDS / cpu, "/s")


def _serve(application: WSGIApplication, environ: dict[str, Any]) -> None:
    """Have one request answered to its last byte; RuntimeError where it is not the page."""
    said: list[str] = []

    def start(status: str, *_more: object) -> Callable[[bytes], object]:
        said.append(status)
        return bytes  # nobody writes that way

    answer = application({**environ, "wsgi.input": io.BytesIO()}, start)
    for _part in answer:
        pass
    answer.close()  # type: ignore[attr-defined]  # Django's responses have it
    if not said[0].startswith("200"):
        raise RuntimeError(f"{environ['PATH_INFO']} answered {said[0]}")


def _decisions(kind: str) -> None:
    from bedside.console.devices.models import Device
    from bedside.console.pages.queries import preview
    from bedside.policy.facts import RequestFacts
    from bedside.vocabulary import AccessKind, Mode
    from tests.console.world import DEVICE, person

    marie, device = person("Marie"), Device.objects.get(pk=DEVICE)
    wanted = RequestFacts(AccessKind.SYSTEM, Mode.CONTROL, 1800, "C-1", "x")
    times = [
        _timed(lambda: preview(marie, device, wanted, files=frozenset())) for _ in range(ROUNDS * 4)
    ]
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
