"""Counts each request where `web` has an admin address; elsewhere it is not there at all."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

__all__ = ["measure_request"]


def measure_request(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Count each request by its view, its method and its status, and how long it took."""
    if not settings.CONFIG.admin.web:
        raise MiddlewareNotUsed
    from bedside.console.health.metrics import Requests, watch_database

    watch_database()
    counted = Requests()

    def handle(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = get_response(request)
        seconds = time.perf_counter() - started
        counted.note(
            _view(request), request.method or "", status=response.status_code, seconds=seconds
        )
        return response

    return handle


def _view(request: HttpRequest) -> str:
    match = request.resolver_match
    if match is not None:
        return match.view_name or match.route
    return "static" if request.path.startswith("/static/") else "none"
