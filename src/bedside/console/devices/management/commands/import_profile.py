"""`bedside console import-profile FILE...`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from bedside.console.accounts.terminal import typist
from bedside.console.commands import HouseCommand
from bedside.console.devices.actions import do_import_profile
from bedside.language import N_


class Command(HouseCommand):
    """Makes products known by their profiles."""

    help = N_("import product profiles (TOML), or bring them up to date")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the files."""
        parser.add_argument("files", nargs="+", type=Path)

    def handle(self, **options: Any) -> None:
        """Import each."""
        for path in options["files"]:
            try:
                profile = do_import_profile(path.read_bytes(), acting_user=typist())
            except OSError as error:
                raise CommandError(f"{path}: {error.strerror}") from error
            except ValidationError as error:
                raise CommandError(f"{path}: {' '.join(error.messages)}") from error
            self.stdout.write(f"{profile.id} {profile.version}")
