"""`bedside console unlock EMAIL`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from bedside.console.accounts.actions import do_unlock_person
from bedside.console.accounts.terminal import person_named, typist


class Command(BaseCommand):
    """Lets somebody whose account locked itself sign in again at once."""

    help = "let a person whose account locked itself sign in again"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address."""
        parser.add_argument("email")

    def handle(self, **options: Any) -> None:
        """Unlock."""
        user = person_named(options["email"])
        do_unlock_person(user, acting_user=typist())
        self.stdout.write(f"{user.email} can sign in.")
