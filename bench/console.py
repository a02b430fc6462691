"""Pages and decisions of the console over a database at the size of a large fleet, on SQLite.

`DEVICES`, `PEOPLE` and `JOURNAL` in the environment change the size (100000, 10000, 1000000), `ROUNDS`
how often each page is asked for. Pages are asked through Django's own stack in one process: what a
web worker does for each request, without the network.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import median, report, say

_ENVIRONMENT = os.environ  # noqa: TID251 - a benchmark's size is set by whoever runs it
DEVICES = int(_ENVIRONMENT.get("DEVICES", "100000"))
PEOPLE = int(_ENVIRONMENT.get("PEOPLE", "10000"))
JOURNAL = int(_ENVIRONMENT.get("JOURNAL", "1000000"))
ROUNDS = int(_ENVIRONMENT.get("ROUNDS", "25"))
_P95 = 0.95


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bedside-bench-") as name:
        _start(Path(name))
        from bench._console_fleet import fill

        _world(Path(name))
        say(f"filling: {DEVICES} devices, {PEOPLE} people, {JOURNAL} journal rows")
        started = time.monotonic()
        fill(devices=DEVICES, people=PEOPLE, journal=JOURNAL)
        say(f"filled in {time.monotonic() - started:.0f} s")
        _measure()


def _start(folder: Path) -> None:
    import django

    config = folder / "console.toml"
    config.write_text(
        f'public_url = "http://localhost"\ndata_dir = "{folder}/data"\n'
        'allowed_hosts = ["testserver"]\n[sign_in]\npasskey_roles = []\n'
        "[api]\ncalls_per_second = 100000\nburst = 100000\n"
    )
    _ENVIRONMENT["BEDSIDE_CONSOLE_CONFIG"] = str(config)
    _ENVIRONMENT["DJANGO_SETTINGS_MODULE"] = "bedside.console.project.settings"
    django.setup()


def _world(folder: Path) -> None:
    from django.conf import settings
    from django.core.management import call_command
    from django.db import transaction

    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    call_command("migrate", verbosity=0)
    from tests.console.world import DEVICE, enrol, make_world

    with transaction.atomic():
        make_world(settings, folder / "data")
        enrol(DEVICE, folder)


def _measure() -> None:
    from bedside.console.devices.models import Device
    from bedside.console.journal.actions import now_ms
    from bedside.console.journal.models import JournalRow
    from bedside.console.pages.queries import preview
    from bedside.policy.facts import RequestFacts
    from bedside.vocabulary import AccessKind, Mode
    from tests.console.pages.reader import Reader, ask
    from tests.console.world import DEVICE, Api, person

    session = ask()
    reader, julie, api = Reader("Marie"), Reader("Julie"), Api("Marie")
    alex = Reader("Alex")
    middle = f"CI-{DEVICES // 2:07d}"
    entry = JournalRow.objects.order_by("-pk").values_list("pk", flat=True)[10]
    pages: dict[str, Callable[[], object]] = {
        "fleet": lambda: reader.get("/"),
        "fleet_search": lambda: reader.get("/", q=middle),
        "fleet_online": lambda: reader.get("/", contact="online"),
        "device": lambda: reader.get(f"/devices/{middle}/"),
        "request": lambda: reader.get(f"/devices/{DEVICE}/request/", case="C-1", reason="x"),
        "sessions": lambda: reader.get("/sessions/"),
        "session": lambda: reader.get(f"/sessions/{session.pk}/"),
        "journal": lambda: reader.get("/journal/"),
        "journal_device": lambda: reader.get("/journal/", device=middle),
        "journal_entry": lambda: reader.get(f"/journal/{entry}/"),
        "people": lambda: alex.get("/people/"),
        "people_search": lambda: alex.get("/people/", q="Person 05000"),
        "cases": lambda: reader.get("/cases/", state="all"),
        "site": lambda: julie.get("/sites/notre-dame/"),
        "rules": lambda: reader.get("/policy/"),
        "simulator": lambda: reader.get(
            "/policy/simulator/", device=middle, access="system", mode="control", minutes="30",
            level="3", country="CA",
        ),
        "api_devices": lambda: api.get("/devices"),
        "api_sessions": lambda: api.get("/sessions"),
        "api_journal": lambda: api.get("/journal"),
    }  # fmt: skip
    worst = 0.0
    cpu_started, asked = time.process_time(), 0
    for name, call in pages.items():
        times = [_timed(call, name) for _ in range(ROUNDS + 2)][2:]
        asked += ROUNDS + 2
        p95 = sorted(times)[int(len(times) * _P95)]
        report(f"console.{name}.p50", median(times), "ms")
        report(f"console.{name}.p95", p95, "ms")
        worst = max(worst, p95)
    report("console.page_p95.worst", worst, "ms")
    report("console.requests_per_core", asked / (time.process_time() - cpu_started), "/s")
    marie, device = person("Marie"), Device.objects.get(pk=DEVICE)
    wanted = RequestFacts(AccessKind.SYSTEM, Mode.CONTROL, 1800, "C-1", "x")
    decisions = [_decided(lambda: preview(marie, device, wanted)) for _ in range(ROUNDS * 4)]
    report("console.decide.p50", median(decisions), "ms")
    report("console.decide.p95", sorted(decisions)[int(len(decisions) * _P95)], "ms")
    say(f"as of {now_ms()}")


def _timed(call: Callable[[], object], name: str) -> float:
    started = time.perf_counter()
    answer = call()
    took = (time.perf_counter() - started) * 1000
    status = getattr(answer, "status_code", 0)
    if status != 200:
        raise RuntimeError(f"{name} answered {status}")
    return took


def _decided(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
