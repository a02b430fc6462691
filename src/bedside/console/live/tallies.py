"""What `worker` and `live` count by themselves; imported only where an admin address is set."""

import time
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from bedside.console.health.metrics import counter, gauge
from bedside.console.live.clockwork import Clockwork
from bedside.console.live.server import HttpServer
from bedside.console.live.watch import Watch

__all__ = ["duties", "listeners"]


def duties(clockwork: Clockwork) -> Iterator[Metric]:
    """Yield how each duty of `worker` goes."""
    all_of_them = clockwork.duties
    done = {duty.name: float(duty.done) for duty in all_of_them}
    yield counter("duties_done", "Turns of a duty that went well.", "duty", done)
    failed = {duty.name: float(duty.failed) for duty in all_of_them}
    yield counter("duties_failed", "Turns of a duty that failed.", "duty", failed)
    seconds = {duty.name: duty.seconds for duty in all_of_them}
    yield counter("duty_seconds", "Seconds that a duty has taken.", "duty", seconds)
    last = {duty.name: duty.done_ms / 1000 for duty in all_of_them}
    words = "When a duty last went well (Unix time), 0 for never."
    yield gauge("duty_done_timestamp_seconds", words, "duty", last)


def listeners(servers: dict[str, HttpServer], watch: Watch) -> Iterator[Metric]:
    """Yield what `live` serves on its two listeners, and how fresh its look at the database is."""
    open_now = {name: float(server.connections) for name, server in servers.items()}
    yield gauge("live_connections", "Open connections.", "listener", open_now)
    answered = {name: float(server.answered) for name, server in servers.items()}
    yield counter("live_requests", "Requests answered.", "listener", answered)
    failed = {name: float(server.failed) for name, server in servers.items()}
    yield counter("live_requests_failed", "Requests that failed by our fault.", "listener", failed)
    for name, meaning, value in (
        ("live_feeds_waiting", "Relays that wait for news.", watch.feeds_waiting),
        ("live_bells", "Streams that wait for news.", watch.bells_waiting),
        ("live_feed_cursor", "The newest cursor of the feed that was seen.", watch.cursor),
        (
            "live_look_age_seconds",
            "Seconds since the database was last looked at (it is every 5 s, or every 0.25 s without the bell).",
            time.monotonic() - watch.looked_s,
        ),
    ):
        yield GaugeMetricFamily(f"bedside_console_{name}", meaning, value=float(value))
