"""The second factor: what counts as one, and how its secrets lie in the database."""

import base64
import hashlib

from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from fido2.webauthn import AuthenticatorData

from bedside.console.accounts.models import Organisation, User, Workstation
from bedside.console.journal.actions import now_ms

__all__ = [
    "LINK_SHOWN",
    "SecondFactorAdapter",
    "has_passkey",
    "has_second_factor",
    "has_shown_link",
    "meets_sign_in_rule",
    "must_use_passkey",
    "must_use_workstation",
    "open_secret",
    "passkey_roles",
    "seal_secret",
    "signed_in_as_the_rule_asks",
    "signed_in_at_workstation",
    "stays_on_its_device",
]

LINK_SHOWN = "factor_link"
"""Where a browser's session holds the hash of the link that it came by."""
_TYPES = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def has_second_factor(user: User) -> bool:
    """Whether the person has an authenticator app or a passkey; recovery codes alone are none."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=_TYPES).exists())


def passkey_roles(organisation: Organisation) -> frozenset[str]:
    """Return the roles that sign in with a passkey only: the installation's and the organisation's.

    An organisation adds to what the installation asks; it takes nothing away.
    """
    return frozenset(settings.CONFIG.sign_in.passkey_roles) | frozenset(organisation.passkey_roles)


def must_use_passkey(user: User) -> bool:
    """Whether this person's role asks for a passkey (R1); an enrolled workstation is one."""
    if not user.role:
        return False
    return user.role in passkey_roles(user.organisation) or must_use_workstation(user)


def must_use_workstation(user: User) -> bool:
    """Whether this person's role asks for an enrolled workstation (S49)."""
    return bool(user.role) and user.role in user.organisation.workstation_roles


def signed_in_at_workstation(request: HttpRequest, user: User) -> bool:
    """Whether this browser's own sign-in used an enrolled workstation, where one is asked for."""
    if not must_use_workstation(user):
        return True
    used = [record.get("id") for record in get_authentication_records(request, user)]
    enrolled = Workstation.objects.filter(passkey_id__in=used, passkey__user_id=user.pk)
    return bool(enrolled.exists())


def stays_on_its_device(passkey: Authenticator) -> bool:
    """Whether a passkey cannot be copied to another device, as its authenticator stated it.

    The flag "backup eligible" of WebAuthn level 3 is fixed when the passkey is made.
    """
    flags = passkey.wrap().authenticator_data.flags
    return not flags & AuthenticatorData.FLAG.BE


def meets_sign_in_rule(user: User) -> bool:
    """Whether the person has a second factor of the kind that the role asks for."""
    types = [Authenticator.Type.WEBAUTHN] if must_use_passkey(user) else _TYPES
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=types).exists())


def has_passkey(user: User) -> bool:
    """Whether the person has a passkey."""
    passkeys = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.WEBAUTHN)
    return bool(passkeys.exists())


def has_shown_link(request: HttpRequest, user: User) -> bool:
    """Whether this browser came by the link that new second factors are made with, if one is asked for.

    After a reset the password alone makes none. Once there is one, it is what is asked for.
    """
    if not user.factor_link or has_second_factor(user):
        return True
    shown = str(request.session.get(LINK_SHOWN, ""))
    return user.factor_link_ms > now_ms() and constant_time_compare(shown, user.factor_link)


def signed_in_as_the_rule_asks(request: HttpRequest, user: User) -> bool:
    """Whether this browser's own sign-in used a passkey, where the person's role asks for one."""
    if not must_use_passkey(user):
        return True
    records = get_authentication_records(request, user)
    return any(record.get("type") == Authenticator.Type.WEBAUTHN for record in records)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Encrypts secrets under a key derived from the installation's own, outside the database."""

    def encrypt(self, text: str) -> str:
        """Return `text` as it is stored."""
        return _cipher().encrypt(text.encode()).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        """Return what `encrypt` was given."""
        return _cipher().decrypt(encrypted_text.encode("ascii")).decode()

    def get_totp_issuer(self) -> str:
        """Return the name that the app on the phone shows."""
        return f"Bedside · {settings.CONFIG.manufacturer}"


def seal_secret(secret: str) -> str:
    """Return a secret as the database keeps it."""
    return _cipher().encrypt(secret.encode()).decode("ascii")


def open_secret(sealed: str) -> str:
    """Return what `seal_secret` was given."""
    return _cipher().decrypt(sealed.encode("ascii")).decode()


def _cipher() -> Fernet:
    secret = hashlib.sha256(b"bedside/second-factor/" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(secret))
