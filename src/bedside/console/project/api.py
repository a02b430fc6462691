"""The REST API: every app's routes under /api/v1, and how its errors look."""

from typing import Any

from django.core.exceptions import (
    NON_FIELD_ERRORS,
    PermissionDenied,
    RequestDataTooBig,
    ValidationError,
)
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as SchemaError

from bedside import __version__
from bedside.console.access.api import router as access
from bedside.console.accounts.api import router as accounts
from bedside.console.accounts.api_own import router as own
from bedside.console.accounts.bearer import BearerAuth
from bedside.console.accounts.confirmation import confirm_calls
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import role_of, scoped_permissions
from bedside.console.cases.api import router as cases
from bedside.console.devices.api import router as devices
from bedside.console.monitoring.api import router as alarms
from bedside.console.monitoring.api_relays import router as relays
from bedside.console.people.api import router as people
from bedside.console.people.api_sign_in import router as sign_in
from bedside.console.portal.api_notices import router as notices
from bedside.console.portal.api_requests import router as site_requests
from bedside.console.portal.api_sites import router as sites
from bedside.console.project.described import DescribedApi
from bedside.console.records.api import router as records
from bedside.console.rest.bodies import StrictParser, too_large
from bedside.console.rest.cursors import CursorError
from bedside.console.rest.faults import fault_sentence
from bedside.console.rest.problems import ProblemError, problem
from bedside.console.service_sessions.api import router as service_sessions
from bedside.console.service_sessions.api_locks import router as locks
from bedside.policy.rights import permissions

__all__ = ["api"]

api = DescribedApi(
    title="Bedside console",
    version=__version__,
    description="Everything that the command line does; errors are problem+json (RFC 9457).",
    urls_namespace="api",
    auth=BearerAuth(),
    parser=StrictParser(),
    docs_url=None,
)
_MOST_FAULTS = 20
_ROUTERS = (
    accounts, own, people, sign_in, devices, cases, access, service_sessions, locks,
    sites, site_requests, notices, records, alarms, relays,
)  # fmt: skip
api.add_decorator(confirm_calls)
for _router in _ROUTERS:
    api.add_router("", _router)


@api.exception_handler(ProblemError)
def _problem(request: HttpRequest, error: ProblemError) -> HttpResponse:
    answer = problem(request, error)
    if error.status == 401:
        answer["WWW-Authenticate"] = "Bearer"
    return answer


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    # The framework wraps what a parser raises.
    if isinstance(error.__cause__, ProblemError):
        return problem(request, error.__cause__)
    return problem(request, ProblemError(error.status_code, "http", _invalid()))


@api.exception_handler(RequestDataTooBig)
def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    del error
    return problem(request, too_large())


@api.exception_handler(AuthenticationError)
def _unknown(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    del error
    title = _("Sign in first: the token is missing, has expired or was revoked.")
    return _problem(request, ProblemError(401, "unauthenticated", title))


@api.exception_handler(PermissionDenied)
def _forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    title = _("Your role does not include this. An administrator can change it.")
    user = getattr(request, "auth", None)
    if isinstance(user, User) and str(error) in permissions(role_of(user)):
        title = _("Your role includes this, and the scope of this token does not.")
        if str(error) in scoped_permissions(user):
            title = _(
                "Your role includes this for what is yours only: your site with its devices, or "
                "your own sessions. This reaches further."
            )
    more = {"permission": str(error)} if str(error) else {}
    return problem(request, ProblemError(403, "forbidden", title, **more))


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    del error
    return problem(request, ProblemError(404, "not_found", _("There is nothing here for you.")))


@api.exception_handler(CursorError)
def _cursor(request: HttpRequest, error: CursorError) -> HttpResponse:
    title = _("This page does not exist. Begin again without a cursor.")
    return problem(request, ProblemError(400, "cursor", title, fault=str(error)))


@api.exception_handler(SchemaError)
def _schema(request: HttpRequest, error: SchemaError) -> HttpResponse:
    # What was sent is not repeated: it may be a secret, or script.
    errors = [
        {
            "where": _place(each["loc"]),
            "code": each["type"],
            "message": fault_sentence(_place(each["loc"]), each["type"], each.get("ctx")),
        }
        for each in error.errors[:_MOST_FAULTS]
    ]
    detail = " ".join(each["message"] for each in errors)
    return problem(request, ProblemError(422, "invalid", _invalid(), errors=errors, detail=detail))


@api.exception_handler(ValidationError)
def _validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
    if hasattr(error, "error_dict"):
        errors = [
            {"where": name, "code": each.code or "invalid", "message": " ".join(each.messages)}
            for name, found in error.error_dict.items()
            for each in found
        ]
    else:
        errors = [{"where": "", "code": error.code or "invalid", "message": error.messages[0]}]
    said = [_named(each["where"], each["message"]) for each in errors[:_MOST_FAULTS]]
    detail = " ".join(said)
    return problem(request, ProblemError(422, "invalid", _invalid(), errors=errors, detail=detail))


def _named(where: str, message: str) -> str:
    return message if where in ("", NON_FIELD_ERRORS) else f"{where}: {message}"


def _place(location: tuple[Any, ...]) -> str:
    # The framework names where a value came from, and its own argument for it.
    depth = 2 if len(location) > 2 and location[0] == location[1] else 1
    return ".".join(str(part)[:64] for part in location[depth : depth + 5])


def _invalid() -> str:
    return _("A value of the request cannot be used.")
