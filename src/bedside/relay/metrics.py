"""What a relay measures, read when somebody asks: nothing is counted for this alone.

No label carries an id: a label's values are gates, reasons, kinds and sides.
"""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import bedside
from bedside.relay.clock import wall_ms
from bedside.relay.pairing import Traffic
from bedside.relay.server import Relay

__all__ = ["RelayMetrics"]

_Value = Callable[[Relay], float]
_Values = Callable[[Relay], Mapping[str, float]]


def _by_side(traffic: Traffic) -> Mapping[str, float]:
    return {"device": traffic.from_device, "specialist": traffic.from_specialist}


# The rest of what the door counts are connections that it ended.
_NOT_REFUSALS = {"accepted", "established", "taken_over", "handed_over", "stood_still"}

_GAUGES: tuple[tuple[str, str, _Value], ...] = (
    ("devices", "Devices that poll here.", lambda r: r.polls.counts["devices"]),
    ("polls_held", "Polls that wait for work.", lambda r: r.polls.counts["held"]),
    (
        "messages_waiting",
        "Sealed messages that wait for their devices.",
        lambda r: r.polls.counts["messages"],
    ),
    ("connections", "Open connections.", lambda r: r.door.open_count),
    (
        "connections_limit",
        "Open connections that are allowed.",
        lambda r: r.config.limits.connections_count,
    ),
    ("handshakes_under_way", "TLS handshakes that are not over yet.", lambda r: r.door.shaking),
    (
        "handshakes_waiting",
        "Connections that wait for their turn to shake hands.",
        lambda r: r.door.in_line,
    ),
    (
        "draining",
        "1 while devices are sent away before a stop.",
        lambda r: r.drain_ends_ms is not None,
    ),
    ("sessions", "Sessions that would be paired.", lambda r: r.pairing.counts["sessions"]),
    (
        "tunnel_legs_waiting",
        "Legs of tunnels that wait for their partner.",
        lambda r: r.pairing.counts["waiting"],
    ),
    ("tunnels", "Tunnels that carry bytes.", lambda r: r.pairing.counts["active"]),
    ("spool_events", "Events that the console has not acknowledged.", lambda r: len(r.spool)),
    ("spool_bytes", "Bytes of these events.", lambda r: r.spool.size),
    ("spool_limit_bytes", "Bytes that may wait.", lambda r: r.config.limits.spool_bytes),
    (
        "spool_oldest_age_seconds",
        "Age of the oldest of these events, 0 where there is none.",
        lambda r: _age_s(r.spool.oldest_ms),
    ),
    (
        "spool_disk_failing",
        "1 while the spool's disk fails and reports are refused.",
        lambda r: r.owed.is_failing,
    ),
    ("console_up", "1 while the console answers the feed.", lambda r: r.console.connected),
    (
        "feed_age_seconds",
        "Seconds since the console last answered the feed (it does every 25 s), -1 before the first.",
        lambda r: -1 if r.console.heard_ms is None else _age_s(r.console.heard_ms),
    ),
    (
        "certificate_expires_timestamp_seconds",
        "When the relay's certificate runs out (Unix time).",
        lambda r: r.certificate_ends_ms / 1000,
    ),
)
_COUNTERS: tuple[tuple[str, str, _Value], ...] = (
    ("polls_answered", "Polls answered.", lambda r: r.polls_answered),
    (
        "polls_delayed",
        "Polls that waited because their device had more than its share.",
        lambda r: r.polls.delayed,
    ),
    (
        "rehearsals",
        "Orders that the relay played to itself, so that the next one finds its way warm.",
        lambda r: r.rehearsals,
    ),
    ("connections_accepted", "Connections accepted.", lambda r: r.door.counts["accepted"]),
    (
        "connections_taken_over",
        "Connections that a sibling on this host handed over.",
        lambda r: r.door.counts["taken_over"],
    ),
    (
        "spool_disk_failures",
        "Times that the spool's disk failed.",
        lambda r: r.owed.counts["failed"],
    ),
    (
        "reports_refused",
        "Requests with reports that found no room, or a disk that fails.",
        lambda r: r.owed.counts["refused"],
    ),
    ("handshakes", "TLS handshakes that held.", lambda r: r.door.counts["established"]),
    (
        "stood_still",
        "Times that this process stood still for half a second or more, once in ten seconds.",
        lambda r: r.door.counts["stood_still"],
    ),
)
_LABELLED: tuple[tuple[str, str, str, _Values], ...] = (
    (
        "connections_refused",
        "Connections that the relay ended: not served, or for a request that was none (fault).",
        "reason",
        lambda r: {k: v for k, v in r.door.counts.items() if k not in _NOT_REFUSALS},
    ),
    ("refusals", "Peers and polls refused by a gate.", "gate", lambda r: r.guard.counts),
    (
        "tunnels_ended",
        "Tunnels that are over.",
        "reason",
        lambda r: {str(k): v for k, v in r.tunnels.ended.items()},
    ),
    (
        "tunnel_bytes",
        "Bytes carried, by who sent them.",
        "side",
        lambda r: _by_side(r.tunnels.moved),
    ),
    ("spool_dropped", "Events that found no room.", "kind", lambda r: r.spool.dropped),
)


class RelayMetrics(Collector):
    """The metrics of one relay; `text` writes them in Prometheus's text format."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Return every metric as it is now."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it is now."""
        relay = self._relay
        info = GaugeMetricFamily(
            "bedside_relay_info", "Which relay this is.", labels=["name", "version"]
        )
        info.add_metric([relay.config.name, bedside.__version__], 1)
        yield info
        for name, meaning, value in _GAUGES:
            yield GaugeMetricFamily(f"bedside_relay_{name}", meaning, value=float(value(relay)))
        for name, meaning, value in _COUNTERS:
            yield CounterMetricFamily(f"bedside_relay_{name}", meaning, value=float(value(relay)))
        for name, meaning, label, values in _LABELLED:
            family = CounterMetricFamily(f"bedside_relay_{name}", meaning, labels=[label])
            for word, count in values(relay).items():
                family.add_metric([str(word)], count)
            yield family


def _age_s(then_ms: int | None) -> float:
    return 0.0 if then_ms is None else max(0.0, (wall_ms() - then_ms) / 1000)
