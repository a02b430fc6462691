"""REST: signing a program in, and who one is."""

from typing import Any, Literal

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status

from bedside.console.accounts import authorization
from bedside.console.accounts.bearer import caller
from bedside.console.accounts.queries import employer, role_of, scoped_permissions
from bedside.console.rest.bodies import Body
from bedside.console.rest.client import address
from bedside.console.rest.problems import ProblemError

router = Router(tags=["account"])

_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class AuthorizationBody(Body):
    """Which program asks."""

    client: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$", examples=["bedside-cli"])


class AuthorizationAnswer(Schema):
    """RFC 8628, 3.2."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class TokenBody(Body):
    """RFC 8628, 3.4."""

    grant_type: Literal["urn:ietf:params:oauth:grant-type:device_code"]
    device_code: str = Field(max_length=100)


class TokenAnswer(Schema):
    """A bearer token; its rights are those that the person has at each call."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the word of RFC 6750
    expires_in: int


class TokenRefused(Schema):
    """RFC 8628, 3.5."""

    error: str


class Me(Schema):
    """The person on whose behalf the program acts."""

    id: str
    name: str
    email: str
    employer: str
    role: str | None
    level: int | None
    country: str | None
    language: str
    site: str | None
    permissions: list[str]


@router.post(
    "/device-authorization", auth=None, response=AuthorizationAnswer, operation_id="startSignIn"
)
def start_sign_in(request: HttpRequest, body: AuthorizationBody) -> dict[str, Any]:
    """Begin to sign a program in: show the code to the person, then ask for the token."""
    try:
        started = authorization.do_start_authorization(body.client, address=address(request))
    except authorization.TooManyError as error:
        title = _("Too many sign-ins were begun from here. Try again in ten minutes.")
        raise ProblemError(429, "too_many", title) from error
    page = settings.CONFIG.public_url.rstrip("/") + reverse("activate")
    return {
        "device_code": started.device_code,
        "user_code": started.user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?code={started.user_code}",
        "expires_in": authorization.EXPIRES_S,
        "interval": authorization.INTERVAL_S,
    }


@router.post(
    "/token",
    auth=None,
    response={200: TokenAnswer, 400: TokenRefused},
    operation_id="redeemSignIn",
)
def redeem_sign_in(request: HttpRequest, body: TokenBody) -> Status[dict[str, Any]]:
    """Exchange the program's code for a token, once a person has allowed it."""
    del request
    answer = authorization.do_redeem_authorization(body.device_code)
    if isinstance(answer, authorization.TokenError):
        return Status(400, {"error": answer.value})
    return Status(200, {"access_token": answer.token, "expires_in": answer.expires_in})


@router.post("/token/revoke", response={204: None}, operation_id="revokeToken")
def revoke_token(request: HttpRequest) -> Status[None]:
    """End the token with which this is asked."""
    token = request.bedside_token  # type: ignore[attr-defined]
    authorization.do_revoke_token(token, acting_user=caller(request))
    return Status(204, None)


@router.get("/me", response=Me, operation_id="me")
def me(request: HttpRequest) -> dict[str, Any]:
    """Return who the token acts for, and what that person may do now."""
    user = caller(request)
    role = role_of(user)
    return {
        "id": user.pk,
        "name": user.name,
        "email": user.email,
        "employer": employer(user),
        "role": role.value if role else None,
        "level": user.level,
        "country": user.country or None,
        "language": user.language,
        "site": user.site,
        "permissions": sorted(scoped_permissions(user)),
    }
