"""`bedside console unlock EMAIL`."""

from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _

from bedside.console.accounts.actions import do_unlock_person
from bedside.console.accounts.terminal import person_named, typist
from bedside.console.commands import HouseCommand
from bedside.language import N_


class Command(HouseCommand):
    """Lets somebody whose account locked itself sign in again at once."""

    help = N_("let a person whose account locked itself sign in again")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address."""
        parser.add_argument("email")

    def handle(self, **options: Any) -> None:
        """Unlock."""
        user = person_named(options["email"])
        do_unlock_person(user, acting_user=typist())
        self.stdout.write(_("%(email)s can sign in.") % {"email": user.email})
