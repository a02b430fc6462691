"""A program signs in through a person's browser (RFC 8628): no password ever reaches it."""

from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.db import transaction

from bedside.audit.entry import Thing
from bedside.console.accounts.models import ApiToken, DeviceAuthorization, User
from bedside.console.accounts.queries import actor_of
from bedside.console.accounts.second_factor import has_second_factor
from bedside.console.accounts.tokens import digest, new_token, new_user_code
from bedside.console.journal.actions import now_ms, record
from bedside.vocabulary import JournalAction

__all__ = [
    "EXPIRES_S",
    "INTERVAL_S",
    "Granted",
    "Started",
    "TokenError",
    "TooManyError",
    "do_answer_authorization",
    "do_redeem_authorization",
    "do_revoke_token",
    "do_start_authorization",
    "pending_authorization",
]

EXPIRES_S = 600
INTERVAL_S = 5
_PER_ADDRESS = 20
Status = DeviceAuthorization.Status


class TokenError(StrEnum):
    """Why there is no token (RFC 8628, 3.5)."""

    PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"
    DENIED = "access_denied"
    EXPIRED = "expired_token"


class TooManyError(ValueError):
    """One address has asked for too many codes within their life."""


@dataclass(frozen=True, slots=True)
class Started:
    """What the program keeps, and what the person types."""

    device_code: str
    user_code: str


@dataclass(frozen=True, slots=True)
class Granted:
    """The token, told once, and its life in seconds."""

    token: str
    expires_in: int


def do_start_authorization(client: str, *, address: str) -> Started:
    """Begin a sign-in for the program `client`; TooManyError past 20 open ones of one address."""
    moment = now_ms()
    started = Started(new_token("bda"), new_user_code())
    with transaction.atomic():
        DeviceAuthorization.objects.filter(expires_ms__lt=moment).delete()
        if DeviceAuthorization.objects.filter(address=address).count() >= _PER_ADDRESS:
            raise TooManyError(address)
        DeviceAuthorization.objects.create(
            digest=digest(started.device_code),
            user_code=started.user_code,
            client=client,
            address=address,
            created_ms=moment,
            expires_ms=moment + EXPIRES_S * 1000,
            interval_s=INTERVAL_S,
        )
    return started


def pending_authorization(user_code: str) -> DeviceAuthorization | None:
    """Return the sign-in that waits for this code, None where there is none."""
    return DeviceAuthorization.objects.filter(
        user_code=user_code, status=Status.PENDING, expires_ms__gt=now_ms()
    ).first()


def do_answer_authorization(
    waiting: DeviceAuthorization, *, allow: bool, acting_user: User
) -> bool:
    """Let a program act as this person, or not; False where it was answered meanwhile."""
    status = Status.ALLOWED if allow else Status.DENIED
    with transaction.atomic():
        changed = DeviceAuthorization.objects.filter(
            pk=waiting.pk, status=Status.PENDING, expires_ms__gt=now_ms()
        ).update(status=status, person=acting_user)
    return bool(changed)


def do_redeem_authorization(device_code: str) -> Granted | TokenError:
    """Exchange a program's code for its token, once a person has allowed it."""
    moment = now_ms()
    with transaction.atomic():
        waiting = (
            DeviceAuthorization.objects.select_for_update()
            .filter(digest=digest(device_code))
            .first()
        )
        if waiting is None or waiting.expires_ms <= moment or waiting.status == Status.USED:
            return TokenError.EXPIRED
        if waiting.status == Status.DENIED:
            return TokenError.DENIED
        if waiting.status == Status.PENDING:
            return _wait(waiting, moment)
        return _grant(waiting, moment)


def do_revoke_token(token: ApiToken, *, acting_user: User) -> None:
    """End a token."""
    with transaction.atomic():
        token.revoked_ms = now_ms()
        token.save(update_fields=["revoked_ms"])
        record(
            JournalAction.ACCOUNT_TOKEN_REVOKED,
            actor=actor_of(acting_user),
            thing=Thing("token", token.pk),
            detail={"name": token.client},
        )


def _wait(waiting: DeviceAuthorization, moment: int) -> TokenError:
    early = moment - waiting.polled_ms < waiting.interval_s * 1000 - 500
    waiting.polled_ms = moment
    if early:
        # RFC 8628, 3.5: the interval grows by five seconds for this and all later requests.
        waiting.interval_s = min(waiting.interval_s + 5, 60)
    waiting.save(update_fields=["polled_ms", "interval_s"])
    return TokenError.SLOW_DOWN if early else TokenError.PENDING


def _grant(waiting: DeviceAuthorization, moment: int) -> Granted | TokenError:
    person = waiting.person
    waiting.status = Status.USED
    waiting.save(update_fields=["status"])
    if person is None or not person.is_active or not has_second_factor(person):
        return TokenError.DENIED
    life_s = settings.CONFIG.sign_in.token_hours * 3600
    secret = new_token("bdt")
    token = ApiToken.objects.create(
        person=person,
        digest=digest(secret),
        client=waiting.client,
        created_ms=moment,
        expires_ms=moment + life_s * 1000,
    )
    record(
        JournalAction.ACCOUNT_TOKEN_ISSUED,
        actor=actor_of(person),
        thing=Thing("token", token.pk),
        detail={"name": waiting.client, "address": waiting.address, "expires_ms": token.expires_ms},
    )
    return Granted(secret, life_s)
