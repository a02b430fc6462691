"""`bedside console apply FILE`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from bedside.console.accounts.terminal import typist
from bedside.console.commands import HouseCommand
from bedside.console.project.world import WorldError, apply_world
from bedside.language import N_


class Command(HouseCommand):
    """States organisations, people, devices and rights by a file."""

    help = N_("apply a world file (TOML): organisations, people, devices, entitlements, rules")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path)

    def handle(self, **options: Any) -> None:
        """Apply all of it, or nothing."""
        path: Path = options["file"]
        try:
            counts = apply_world(path.read_bytes(), acting_user=typist())
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        except WorldError as error:
            raise CommandError(f"{path}: {error}") from error
        self.stdout.write(", ".join(f"{count} {name}" for name, count in counts.items()))
