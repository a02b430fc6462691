"""What every answer carries: a request id and the headers that hold a browser to our own files."""

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from bedside.console.log import bound

__all__ = ["set_security_headers", "trace_request"]

Handler = Callable[[HttpRequest], HttpResponse]

# No inline script, no inline style, no frame, nothing from elsewhere but the event streams.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'{streams}; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def trace_request(get_response: Handler) -> Handler:
    """Give each request an id of our own making; it stands in the answer and in the log."""

    def handle(request: HttpRequest) -> HttpResponse:
        request_id = secrets.token_hex(8)
        request.request_id = request_id  # type: ignore[attr-defined]
        with bound(request=request_id):
            response = get_response(request)
        response["X-Request-Id"] = request_id
        return response

    return handle


def set_security_headers(get_response: Handler) -> Handler:
    """Forbid a browser whatever the pages do not need; answers are kept by nobody on the way."""
    policy = _POLICY.format(streams=_streams(settings.CONFIG.live_url))

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=()"
        )
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return handle


def _streams(live_url: str) -> str:
    # `live` may have a name or a port of its own.
    url = urlsplit(live_url)
    return f" {url.scheme}://{url.netloc}" if url.netloc else ""
