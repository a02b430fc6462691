"""Django's `LOGGING` for a configuration, and the line of each request."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from bedside.console.log import bind, told

__all__ = ["log_request", "logging_settings"]

_log = logging.getLogger("bedside.web")
_IDS = ("device", "session", "case")


def logging_settings(form: str) -> dict[str, Any]:
    """Return Django's `LOGGING`: everything on standard error, as `json` or as `text`."""
    # Every act of the journal is a line too; on a terminal that would be too many.
    acts = "INFO" if form == "json" else "WARNING"
    formatter = "JsonFormatter" if form == "json" else "TextFormatter"
    quiet = ("django.request", "urllib3", "opentelemetry")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"bedside.console.log.{formatter}"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "bedside.journal": {"level": acts},
            "django": {"handlers": [], "propagate": True},
            **{name: {"level": "ERROR"} for name in quiet},
        },
    }


def log_request(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Write a line for each request, where logs are JSON: which page, how it came out, how long."""
    if settings.CONFIG.log.format != "json":
        raise MiddlewareNotUsed

    def handle(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = get_response(request)
        match = request.resolver_match
        if match is not None:
            bind(**{name: match.kwargs[name] for name in _IDS if name in match.kwargs})
            fields = told(
                "request_answered",
                method=request.method or "",
                view=match.view_name,
                status=response.status_code,
                took_ms=round((time.perf_counter() - started) * 1000, 1),
            )
            _log.info("%s %s", request.method, match.view_name, extra=fields)
        return response

    return handle
