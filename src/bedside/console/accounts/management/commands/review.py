"""`bedside console review EMAIL`."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from bedside.console.accounts.actions import do_open_account, do_review_person
from bedside.console.accounts.terminal import person_named, typist
from bedside.console.commands import HouseCommand
from bedside.language import N_


class Command(HouseCommand):
    """Reviews a person's rights, and opens the account if it was closed."""

    help = N_("state that a person still needs their rights; opens a closed account")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address."""
        parser.add_argument("email")

    def handle(self, **options: Any) -> None:
        """Review, and open."""
        user, actor = person_named(options["email"]), typist()
        try:
            if user.is_active:
                do_review_person(user, acting_user=actor)
            else:
                do_open_account(user, acting_user=actor)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(_("The rights of %(email)s are reviewed.") % {"email": user.email})
