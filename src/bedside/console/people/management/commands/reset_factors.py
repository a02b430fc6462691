"""`bedside console reset-factors EMAIL --reason WHY`."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from bedside.console.accounts.terminal import person_named, typist
from bedside.console.commands import HouseCommand
from bedside.console.people.actions import do_reset_factors
from bedside.language import N_


class Command(HouseCommand):
    """Takes the second factors of somebody who lost them, and sends the link to new ones."""

    help = N_("take away a person's second factors, and send the link to make new ones")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address, and why."""
        parser.add_argument("email")
        parser.add_argument("--reason", required=True, help=_("why: the person reads it"))

    def handle(self, **options: Any) -> None:
        """Reset."""
        user = person_named(options["email"])
        try:
            do_reset_factors(user, reason=options["reason"], acting_user=typist())
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(_("The letter to %(email)s is on its way.") % {"email": user.email})
