"""`bedside console set-password EMAIL`."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from bedside.console.accounts.actions import do_set_password
from bedside.console.accounts.terminal import person_named, read_password, typist
from bedside.console.commands import HouseCommand
from bedside.language import N_


class Command(HouseCommand):
    """Gives a person a new password; the second factor stays."""

    help = N_("give a person a new password, asked for or read from standard input")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address."""
        parser.add_argument("email")

    def handle(self, **options: Any) -> None:
        """Set it, unlock the account, end the tokens."""
        user = person_named(options["email"])
        try:
            do_set_password(user, read_password(), acting_user=typist())
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        words = _("%(email)s has a new password; earlier tokens have ended.")
        self.stdout.write(words % {"email": user.email})
