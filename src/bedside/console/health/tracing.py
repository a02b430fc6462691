"""The console's spans: where they go, and the one of each request that touches a session."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.core.management.base import CommandError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from bedside.console.journal.actions import now_ms
from bedside.console.log import bindings
from bedside.observe.trace import Span

if TYPE_CHECKING:
    from bedside.observe.spans import Spans

__all__ = ["open_spans", "trace_session_request"]

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def open_spans() -> "Spans | None":
    """Return what sends spans, None where `[tracing]` names no collector.

    Raises CommandError where the extra is missing.
    """
    endpoint = settings.CONFIG.tracing.endpoint
    if not endpoint:
        return None
    try:
        from bedside.observe.spans import Spans
    except ModuleNotFoundError as error:
        words = _(
            "[tracing] needs the extra: pip install --require-hashes -r requirements/all.lock"
        )
        raise CommandError(words) from error
    return Spans(endpoint)


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
