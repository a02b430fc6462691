"""Sends spans to a collector over OTLP/HTTP; needs `bedside[tracing]`, imported only where it is on."""

import threading
from random import Random

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

import bedside
from bedside.observe.trace import ROOT, Span, parse_traceparent, root_id, span_id, trace_id

__all__ = ["Spans"]

_TIMEOUT_S = 5.0
_EVERY_MS = 1_000.0
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class _Ids(IdGenerator):
    """Gives the ids that a session's spans have by rule."""

    def __init__(self) -> None:
        self.trace = self.span = 0

    def generate_span_id(self) -> int:
        return self.span

    def generate_trace_id(self) -> int:
        return self.trace


class Spans:
    """Sends spans from a thread of its own; a collector that is away costs the spans, nothing else.

    Args:
        endpoint: of the collector.
        services: whose spans are sent from an event loop: what a service's first span takes (some
            hundredths of a second) is done now for these.
    """

    def __init__(self, endpoint: str, *services: str) -> None:
        self._endpoint = endpoint.rstrip("/") + "/v1/traces"
        self._ids = _Ids()
        self._lock = threading.Lock()
        self._providers: dict[str, TracerProvider] = {}
        self._random = Random()  # noqa: S311 - tells spans of one name apart; nothing is secret
        for each in services:
            self._provider(each)

    def send(self, *spans: Span) -> None:
        """Queue spans: nothing is waited for."""
        with self._lock:
            for each in spans:
                self._send(each)

    def any_number(self) -> int:
        """Return a number for a span of which a session may have many."""
        return self._random.getrandbits(32)

    def close(self) -> None:
        """Send what is queued, and end."""
        for provider in self._providers.values():
            provider.shutdown()

    def _send(self, span: Span) -> None:
        self._ids.trace = trace_id(span.session)
        self._ids.span = span_id(span.session, span.service, span.name, span.number)
        root = span.name == ROOT
        parent = SpanContext(
            self._ids.trace, root_id(span.session), is_remote=True, trace_flags=_SAMPLED
        )
        made = (
            self._provider(span.service)
            .get_tracer("bedside")
            .start_span(
                span.name,
                context=None if root else set_span_in_context(NonRecordingSpan(parent)),
                attributes={"bedside.session": span.session, **span.attributes},
                links=_links(span.link),
                start_time=span.start_ms * 1_000_000,
            )
        )
        made.set_status(Status(StatusCode.OK if span.good else StatusCode.ERROR))
        made.end(span.end_ms * 1_000_000)

    def _provider(self, service: str) -> TracerProvider:
        known = self._providers.get(service)
        if known is None:
            names = {"service.name": service, "service.version": bedside.__version__}
            known = TracerProvider(
                sampler=ALWAYS_ON,
                resource=Resource(names),
                id_generator=self._ids,
                shutdown_on_exit=False,
            )
            exporter = OTLPSpanExporter(self._endpoint, timeout=_TIMEOUT_S)
            known.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_EVERY_MS))
            self._providers[service] = known
        return known


def _links(traceparent: str) -> list[Link]:
    told = parse_traceparent(traceparent)
    if told is None:
        return []
    return [Link(SpanContext(*told, is_remote=True, trace_flags=_SAMPLED))]
