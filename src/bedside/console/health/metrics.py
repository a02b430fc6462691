"""What the console's processes measure; imported only where an admin address is set.

`web` is several processes: each counts into a file of its own, and the one that answers adds them up.
No label carries an id of a person, a device or a session.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

import bedside
from bedside.console.health.queries import PROCESSES, Reading
from bedside.console.waits import listen_to_waits

__all__ = [
    "REQUESTS",
    "Requests",
    "StateCollector",
    "Tally",
    "TallyCollector",
    "counter",
    "gauge",
    "registry_of",
    "text_of",
    "watch_database",
]

# When a counter began is nothing that anybody here asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]
REQUESTS = CollectorRegistry()
"""What requests and the database cost this process."""
_PAGE_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_WAIT_S = (0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 20.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_queries = Counter(
    "bedside_console_database_queries", "Statements sent to the database.", registry=REQUESTS
)
_query_seconds = Counter(
    "bedside_console_database_query_seconds",
    "Seconds spent waiting for the database's answers.",
    registry=REQUESTS,
)
_waits = Histogram(
    "bedside_console_database_write_wait_seconds",
    "How long a writing transaction waited for its turn.",
    buckets=_WAIT_S,
    registry=REQUESTS,
)


class Requests:
    """Counts what `web` answers, by view."""

    _answered = Counter(
        "bedside_console_requests",
        "Requests answered, by view, method and status.",
        ["view", "method", "status"],
        registry=REQUESTS,
    )
    _seconds = Histogram(
        "bedside_console_request_seconds",
        "How long a request took, by view.",
        ["view"],
        buckets=_PAGE_S,
        registry=REQUESTS,
    )

    def note(self, view: str, method: str, *, status: int, seconds: float) -> None:
        """Count one request. A view is one of the routes of this program, never an address."""
        known = method if method in _METHODS else "other"
        self._answered.labels(view, known, str(status)).inc()
        self._seconds.labels(view).observe(seconds)


def watch_database() -> None:
    """Count, from now on, every statement and every writer's wait of this process."""
    connection_created.connect(_watch_connection, dispatch_uid="health")
    for each in connections.all(initialized_only=True):
        _watch_connection(each)
    listen_to_waits(_waits.observe)


def _watch_connection(connection: Any, **_: Any) -> None:
    if _count_query not in connection.execute_wrappers:
        connection.execute_wrappers.append(_count_query)


def _count_query(
    execute: Callable[..., Any],
    sql: str,
    params: Any,
    many: bool,  # noqa: FBT001 - Django's
    context: Any,
) -> Any:
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        _queries.inc()
        _query_seconds.inc(time.perf_counter() - started)


Tally = Callable[[], Iterator[Metric]]
"""Gives metrics of a process's own at the moment that it is asked."""


class TallyCollector(Collector):
    """What a process counts by itself, and which process it is."""

    def __init__(self, process: str, tally: Tally | None = None) -> None:
        self._process = process
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        """Yield what the process has counted so far."""
        info = GaugeMetricFamily(
            "bedside_console_info",
            "Which process of the console this is.",
            labels=["process", "version"],
        )
        info.add_metric([self._process, bedside.__version__], 1)
        yield info
        if self._tally is not None:
            yield from self._tally()


class StateCollector(Collector):
    """What the whole console's state is, from the newest reading; `worker` says it for all."""

    def __init__(self, newest: Callable[[], Reading | None]) -> None:
        self._newest = newest

    def collect(self) -> Iterator[Metric]:
        """Yield the newest reading; nothing while there is none."""
        reading = self._newest()
        if reading is not None:
            yield from _plain(reading)
            yield from _labelled(reading)


def registry_of(*collectors: Collector, files: Path | None = None) -> CollectorRegistry:
    """Return a registry of this process, or of the processes that count into `files`."""
    registry = CollectorRegistry()
    for each in collectors:
        registry.register(each)
    if files is None:
        ProcessCollector(registry=registry)
        registry.register(REQUESTS)
    else:
        MultiProcessCollector(registry, str(files))  # type: ignore[no-untyped-call]
    return registry


def text_of(registry: CollectorRegistry) -> bytes:
    """Return a registry in Prometheus's text format."""
    return generate_latest(registry)


def _plain(reading: Reading) -> Iterator[Metric]:
    outbox = reading.outbox
    for name, meaning, value in (
        ("devices_expected", "Devices that are expected and have never polled.", reading.unseen),
        ("alarms_open", "Alarms on silence that are open.", reading.alarms),
        ("devices_overdue", "Devices that poll and are late.", reading.overdue),
        ("devices_silent", "Devices that have polled and do not now.", reading.silent),
        ("journal_conflicts", "Devices whose journal contradicted itself.", reading.conflicts),
        ("journal_sealed_entries", "Entries that a checkpoint covers.", reading.sealed),
        (
            "journal_unsealed_entries",
            "Entries that wait for their seal (up to 1,000).",
            reading.unsealed,
        ),
        (
            "journal_unsealed_since_timestamp_seconds",
            "When the oldest entry that waits was written (Unix time), 0 for none.",
            (reading.unsealed_since_ms or 0) / 1000,
        ),
        (
            "journal_checkpoint_timestamp_seconds",
            "When the newest checkpoint was signed (Unix time), 0 before the first.",
            (reading.sealed_ms or 0) / 1000,
        ),
        ("keys_missing", "Keys that cannot be read.", len(reading.missing_keys)),
        ("migrations_unapplied", "Migrations that the database lacks.", len(reading.unapplied)),
        ("outbox_waiting", "Notices that wait to be sent.", outbox.waiting),
        (
            "outbox_waiting_since_timestamp_seconds",
            "When the oldest of them was written (Unix time), 0 for none.",
            (outbox.oldest_ms or 0) / 1000,
        ),
        ("outbox_dead_letters", "Notices that were given up.", outbox.dead),
    ):
        yield GaugeMetricFamily(f"bedside_console_{name}", meaning, value=float(value))


def _labelled(reading: Reading) -> Iterator[Metric]:
    devices = {relay.name: float(relay.devices) for relay in reading.relays}
    yield gauge("devices_online", "Devices that poll, by relay.", "relay", devices)
    unknown = {relay.name: float(relay.unknown) for relay in reading.relays}
    words = "Devices of a relay that is lost: nobody knows whether they poll."
    yield gauge("devices_relay_lost", words, "relay", unknown)
    seen = {relay.name: (relay.seen_ms or 0) / 1000 for relay in reading.relays}
    words = "When a relay last asked (Unix time), 0 for never."
    yield gauge("relay_seen_timestamp_seconds", words, "relay", seen)
    beats = {kind: (reading.processes[kind] or 0) / 1000 for kind in PROCESSES}
    words = "When a process of each kind last said that it runs (Unix time), 0 for never."
    yield gauge("process_seen_timestamp_seconds", words, "kind", beats)
    ends = {name: ms / 1000 for name, ms in reading.certificates.items()}
    words = "When a certificate runs out (Unix time), 0 where it cannot be read."
    yield gauge("certificate_expires_timestamp_seconds", words, "certificate", ends)
    states = {state: float(count) for state, count in reading.sessions.items()}
    yield gauge("sessions", "Open sessions, by state.", "state", states)


def counter(name: str, meaning: str, label: str, values: dict[str, float]) -> Metric:
    """Return a counter of the console with one label, from counts that a process keeps."""
    family = CounterMetricFamily(f"bedside_console_{name}", meaning, labels=[label])
    for word, value in values.items():
        family.add_metric([word], value)
    return family


def gauge(name: str, meaning: str, label: str, values: dict[str, float]) -> Metric:
    """Return a gauge of the console with one label."""
    family = GaugeMetricFamily(f"bedside_console_{name}", meaning, labels=[label])
    for word, value in values.items():
        family.add_metric([word], value)
    return family
