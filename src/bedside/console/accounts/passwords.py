"""Password rules beside Django's own: not guessable, no reuse, a bounded hash (S9)."""

from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from zxcvbn import zxcvbn

from bedside.console.accounts.models import PastPassword, User

__all__ = ["GuessablePasswordValidator", "LongestPasswordValidator", "ReusedPasswordValidator"]

REMEMBERED = 10
LONGEST = 256
# zxcvbn's best score: more than a slow hash lets anybody try (Wheeler, USENIX Security 2016).
_ENOUGH = 4
# Its time grows with the square of the length; what is safe in its beginning is safe.
_LOOKED_AT = 64


class GuessablePasswordValidator:
    """Refuses what a cracker's dictionaries and habits find: words said twice, keyboard walks, dates."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError for a password that is long and no secret all the same."""
        known = ["bedside"]
        if user is not None:
            known += [*user.name.split(), *user.email.replace("@", ".").split(".")]
            known.append(str(user.organisation_id))
        # zxcvbn fails on nothing at all.
        if not password or zxcvbn(password[:_LOOKED_AT], user_inputs=known)["score"] < _ENOUGH:
            raise ValidationError(
                _(
                    "This password is easy to guess. Take several words that have nothing in common."
                ),
                code="password_guessable",
            )

    def get_help_text(self) -> str:
        """Return the rule for the form."""
        return _("Your password can't be easy to guess: words said twice, a date, a row of keys.")


class ReusedPasswordValidator:
    """Refuses any of a person's last ten passwords."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError when `user` had this password before."""
        if user is None:
            return
        past = PastPassword.objects.filter(person_id=user.pk).order_by("-id")[:REMEMBERED]
        if any(check_password(password, each.password) for each in past):
            raise ValidationError(
                _("You have used this password before. Choose another one."),
                code="password_reused",
            )

    def password_changed(self, password: str, user: User | None = None) -> None:
        """Remember the hash that `user` was just saved with."""
        del password
        if user is not None:
            PastPassword.objects.create(person=user, password=user.password)

    def get_help_text(self) -> str:
        """Return the rule for the form."""
        return _("Your password can't be one of your last ten.")


class LongestPasswordValidator:
    """Refuses a password whose hashing would be a burden to the server."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError over 256 characters."""
        del user
        if len(password) > LONGEST:
            raise ValidationError(
                _("This password is too long: at most %(limit)d characters."),
                code="password_too_long",
                params={"limit": LONGEST},
            )

    def get_help_text(self) -> str:
        """Return the rule for the form."""
        return _("Your password can have at most 256 characters.")
