"""Errors of the REST API: problem+json (RFC 9457) with a code that programs may rely on."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from bedside.console.rest.faults import fault_sentence

__all__ = ["ProblemError", "invalid", "problem"]


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


def invalid(field: str, code: str, *, limit: int | None = None) -> ProblemError:
    """Return the problem of one value: `field` names it, `errors` say why and what its limit is."""
    said = fault_sentence(field, code, {} if limit is None else {"max_length": limit})
    fault = {"where": field, "code": code, "message": said}
    title = _("A value of the request cannot be used.")
    return ProblemError(422, "invalid", title, field=field, detail=said, errors=[fault])


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
