"""Commands typed at the console's own machine: who types, and secrets that stay off the screen."""

import getpass
import sys

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from bedside.audit.entry import Actor
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import terminal

__all__ = ["person_named", "read_password", "typist"]


def typist() -> Actor:
    """Return the journal's actor for whoever runs this command, by the machine's account name."""
    try:
        return terminal(getpass.getuser())
    except (KeyError, OSError):
        return terminal("unknown")


def read_password() -> str:
    """Return a password typed twice at a terminal, or the first line of a standard input that is none."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass(_("Password: "))
    if getpass.getpass(_("The same again: ")) != password:
        raise CommandError(_("The two are not the same."))
    return password


def person_named(email: str) -> User:
    """Return the person with this e-mail address, or raise CommandError."""
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise CommandError(_("Nobody has the address %(email)s.") % {"email": email})
    return user
