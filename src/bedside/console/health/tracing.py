"""The console's spans: where they go, and the one of each request that touches a session."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from bedside.console.journal.actions import now_ms
from bedside.console.log import bindings, told
from bedside.observe.extra import TRACING_CURE, has_tracing, spans_class
from bedside.observe.trace import Span

if TYPE_CHECKING:
    from bedside.observe.spans import Spans

__all__ = ["open_spans", "trace_session_request", "traces_are_off"]

_log = logging.getLogger("bedside.health")
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def open_spans() -> "Spans | None":
    """Return what sends spans, None where `[tracing]` names no collector.

    None too where the extra is missing: that is a line of log, and `status` says it.
    """
    endpoint = settings.CONFIG.tracing.endpoint
    if not endpoint:
        return None
    try:
        return spans_class()(endpoint)
    except ImportError as error:
        words = "no traces: the packages of [tracing] are missing (%s); %s, then restart"
        off = told("tracing_off", error=str(error), cure=TRACING_CURE)
        _log.warning(words, error, TRACING_CURE, extra=off)
        return None


def traces_are_off() -> bool:
    """Whether `[tracing]` names a collector and the extra is missing here."""
    return bool(settings.CONFIG.tracing.endpoint) and not has_tracing()


def trace_session_request(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Send a span for each request that changes something of a session, where traces are wanted.

    A caller's own `traceparent` becomes a link: the session's trace has an id of its own.
    """
    spans = open_spans()
    if spans is None:
        raise MiddlewareNotUsed

    def handle(request: HttpRequest) -> HttpResponse:
        if request.method in _READS:
            return get_response(request)
        started = now_ms()
        response = get_response(request)
        session, match = bindings().get("session"), request.resolver_match
        if session and match is not None:
            spans.send(
                Span(
                    service="bedside-web",
                    name=f"{request.method} {match.view_name}",
                    session=str(session),
                    start_ms=started,
                    end_ms=now_ms(),
                    good=response.status_code < 500,
                    number=spans.any_number(),
                    attributes={"http.response.status_code": response.status_code},
                    link=request.headers.get("traceparent", ""),
                )
            )
        return response

    return handle
