"""`bedside console create-administrator`: the only way in which the first account comes to be."""

from argparse import ArgumentParser
from datetime import UTC, date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.console.accounts.actions import (
    PersonDetails,
    do_create_person,
    do_save_organisation,
)
from bedside.console.accounts.models import Organisation
from bedside.console.accounts.terminal import read_password, typist
from bedside.console.commands import HouseCommand
from bedside.language import N_
from bedside.vocabulary import Role


class Command(HouseCommand):
    """Creates an administrator of the manufacturer; the second factor is made at first sign-in.

    Whoever types this attests the background check.
    """

    help = N_("create an administrator; the password is asked for, or read from standard input")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take address, name and organisation."""
        parser.add_argument("email")
        parser.add_argument("--name", required=True)
        parser.add_argument("--manufacturer", required=True, help=_("the manufacturer's name"))
        parser.add_argument("--country", default="US", help=_("ISO code, such as US"))
        parser.add_argument(
            "--vetted-on",
            type=date.fromisoformat,
            help=_("day of the background check, such as 2025-02-03; today unless given"),
        )
        parser.add_argument("--language", choices=["en", "fr"], default="en")

    def handle(self, **options: Any) -> None:
        """Create the manufacturer if there is none, and the administrator."""
        password, actor = read_password(), typist()
        try:
            with transaction.atomic():
                organisation = self._manufacturer(options)
                details = PersonDetails(
                    name=options["name"],
                    organisation=organisation.key,
                    role=Role.ADMINISTRATOR,
                    country=options["country"],
                    vetted_on=options["vetted_on"] or datetime.now(UTC).date(),  # noqa: TID251 - a command is an edge
                    language=options["language"],
                )
                do_create_person(options["email"], details, password=password, acting_user=actor)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        words = _("%(email)s can sign in, and must then set up a second factor.")
        self.stdout.write(words % {"email": options["email"]})

    def _manufacturer(self, options: dict[str, Any]) -> Organisation:
        kind = Organisation.Kind.MANUFACTURER
        found = Organisation.objects.filter(kind=kind).first()
        if found is not None:
            return found
        organisation = Organisation(
            key="manufacturer",
            name=options["manufacturer"],
            kind=kind,
            country=options["country"],
            language=options["language"],
        )
        do_save_organisation(organisation, acting_user=typist())
        return organisation
