"""The order of the whole suite, what its generated tests are not asked, and what is done but once."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business: it has others to serve.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

# Files that take most of a minute or more, those that wait and those that compute in turn.
# pytest-xdist gives files away in this order and never takes one back: a long file that came last
# would keep one core busy while the other has nothing.
LONGEST_FIRST = (
    "tests/journeys/test_kills.py",
    "tests/console/pages/test_in_chromium.py",
    "tests/journeys/test_losses.py",
    "tests/console/pages/test_people_in_chromium.py",
    "tests/journeys/test_hostile_relay.py",
    "tests/console/pages/test_bad_forms.py",
    "tests/journeys/test_chaos.py",
    "tests/console/project/test_every_operation.py",
    "tests/agent/test_session_life.py",
    "tests/journeys/test_hospital.py",
    "tests/agent/test_control.py",
    "tests/console/backup/test_commands.py",
    "tests/agent/test_garbage.py",
    "tests/journeys/test_handing_over.py",
    "tests/journeys/test_refusals.py",
    "tests/journeys/test_access_kinds.py",
    "tests/journeys/test_clones.py",
    "tests/journeys/test_restore.py",
    "tests/agent/test_site_policy.py",
    "tests/console/live/test_instances.py",
    "tests/journeys/test_closing.py",
    "tests/journeys/test_silence.py",
    "tests/journeys/test_demo.py",
    "tests/console/live/test_worker.py",
    "tests/journeys/test_refused_machines.py",
    "tests/console/health/test_processes.py",
    "tests/agent/test_crashes.py",
    "tests/tools/test_expand.py",
)
_PLACES = {name: place for place, name in enumerate(LONGEST_FIRST)}
# Here real programs run, and much of the time is waiting for them: these files and the others take
# turns as well, so that the processes of pytest-xdist neither all wait nor all compute.
WAITING = ("agent", "fleet", "journeys", "relay", "specialist")
_TESTS = Path(__file__).parent


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect six thousand tests without looking for garbage among them, then or later.

    Every process of pytest-xdist collects all, and what it made stays to the end.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, and let the others take turns; no two tests share an id.

    pytest-xdist takes tests of one id for one test, and would run one of them.
    """
    seen = set()
    for item in items:
        if item.nodeid in seen:
            raise pytest.UsageError(f"two tests are called {item.nodeid}")
        seen.add(item.nodeid)
    places = _places(list(dict.fromkeys(_name(item) for item in items)))
    items.sort(key=lambda item: places[_name(item)])


def _name(item: pytest.Item) -> str:
    return item.path.relative_to(_TESTS.parent).as_posix()


def _places(names: list[str]) -> dict[str, float]:
    """Return where each file comes: the longest below 0, the others between 0 and 1."""
    places = {name: _PLACES[name] - len(_PLACES) for name in names if name in _PLACES}
    waiting = [name for name in names if name.split("/")[1] in WAITING and name not in places]
    others = [name for name in names if name not in places and name not in waiting]
    for line in (waiting, others):
        places |= {name: (turn + 0.5) / len(line) for turn, name in enumerate(line)}
    return places
