"""Errors of the REST API: problem+json (RFC 9457) with a code that programs may rely on."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse

__all__ = ["ProblemError", "problem"]


class ProblemError(Exception):
    """A request that cannot be answered as asked; the API turns it into problem+json.

    Args:
        status: HTTP status.
        code: stable word for programs.
        title: one sentence for a person, in the reader's language.
        more: further members: `reasons`, `state`, `field`.
    """

    def __init__(self, status: int, code: str, title: str, **more: Any) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title
        self.more = more


def problem(request: HttpRequest, error: ProblemError) -> HttpResponse:
    """Return the problem+json answer for `error`."""
    body = {
        "type": f"urn:bedside:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "instance": f"urn:bedside:request:{getattr(request, 'request_id', '')}",
        **error.more,
    }
    data = json.dumps(body, ensure_ascii=False).encode()
    return HttpResponse(data, status=error.status, content_type="application/problem+json")
