"""What every call of the REST API passes through: how often, and done once where it has a name."""

import hashlib
import math
import re
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext_lazy

from bedside.console.accounts import repeats
from bedside.console.accounts.repeats import Claim, Kept
from bedside.console.journal.actions import now_ms
from bedside.console.rest.bodies import too_large
from bedside.console.rest.client import address
from bedside.console.rest.limits import Buckets
from bedside.console.rest.problems import ProblemError, problem

__all__ = ["limit_calls", "repeat_once"]

Handler = Callable[[HttpRequest], HttpResponse]

_API = "/api/"
_KEY = re.compile(r"[!-~]{8,128}")
_FAILED = 500
_WRONG_METHOD = 405
_NO_METHOD = gettext_lazy("This address does not have that method.")
# What was refused before anybody looked at it is worth no memory.
_NOT_KEPT = frozenset({401, 429})
_TOO_MANY = gettext_lazy("You call too often. Wait a moment, then try again.")
_NO_KEY = gettext_lazy("An idempotency key has 8 to 128 visible characters.")
_OTHER = gettext_lazy("This idempotency key was used for another request.")
_BUSY = gettext_lazy("The same request is under way. Try again in a moment.")


def limit_calls(get_response: Handler) -> Handler:
    """Refuse a caller that calls too often: by its token, and without one by its address."""
    limits = settings.CONFIG.api
    buckets = Buckets(per_second=limits.calls_per_second, burst=limits.burst)

    def handle(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(_API):
            return get_response(request)
        wait = buckets.take(_caller(request), time.monotonic())
        if not wait:
            return _in_words(request, get_response(request))
        answer = _refuse(request, 429, "too_many", _TOO_MANY)
        answer["Retry-After"] = str(math.ceil(wait))
        return answer

    return handle


def repeat_once(get_response: Handler) -> Handler:
    """Do a POST that carries an `Idempotency-Key` once, and give its answer again to the next."""

    def handle(request: HttpRequest) -> HttpResponse:
        name = request.headers.get("Idempotency-Key")
        if name is None or request.method != "POST" or not request.path.startswith(_API):
            return get_response(request)
        if not _KEY.fullmatch(name):
            return _refuse(request, 400, "idempotency_key", _NO_KEY)
        return _once(request, _key(request, name), get_response)

    return handle


def _once(request: HttpRequest, key: str, get_response: Handler) -> HttpResponse:
    try:
        body = request.body
    except RequestDataTooBig:
        return problem(request, too_large())
    claimed, kept = repeats.claim(key, body, now=now_ms())
    if claimed is Claim.OTHER:
        return _refuse(request, 422, "idempotency_mismatch", _OTHER)
    if claimed is Claim.BUSY:
        answer = _refuse(request, 409, "idempotency_busy", _BUSY)
        answer["Retry-After"] = "1"
        return answer
    if kept is not None:
        answer = HttpResponse(kept.body, status=kept.status, content_type=kept.content_type)
        answer["Idempotent-Replayed"] = "true"
        return answer
    try:
        answer = get_response(request)
    except BaseException:
        repeats.do_release(key)
        raise
    if answer.status_code >= _FAILED or answer.status_code in _NOT_KEPT or answer.streaming:
        repeats.do_release(key)
    else:
        content_type = answer.headers.get("Content-Type", "")
        repeats.do_keep(key, Kept(answer.status_code, content_type, answer.content))
    return answer


def _in_words(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """Return the answer; one to a method that an address does not have as a problem, too."""
    if answer.status_code != _WRONG_METHOD:
        return answer
    told = _refuse(request, _WRONG_METHOD, "method_not_allowed", _NO_METHOD)
    if "Allow" in answer:
        told["Allow"] = answer["Allow"]
    return told


def _refuse(request: HttpRequest, status: int, code: str, title: object) -> HttpResponse:
    # This runs before the language of the request was chosen.
    with translation.override(translation.get_language_from_request(request)):
        return problem(request, ProblemError(status, code, str(title)))


def _key(request: HttpRequest, name: str) -> str:
    parts = (request.headers.get("Authorization", ""), request.path, name)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _caller(request: HttpRequest) -> str:
    token = request.headers.get("Authorization", "")
    if token:
        return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
    return address(request)
