"""`bedside console retire-relay NAME --reason WHY`."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from bedside.console.accounts.terminal import typist
from bedside.console.commands import HouseCommand
from bedside.console.monitoring.retirement import do_retire_relay
from bedside.language import N_


class Command(HouseCommand):
    """Takes a relay out of service for good."""

    help = N_("take a relay out of service for good; its name is never used again")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the relay's name, and why."""
        parser.add_argument("name", help=_("the relay's short name"))
        parser.add_argument("--reason", required=True, help=_("why: it goes into the journal"))
        parser.add_argument(
            "--despite-devices",
            action="store_true",
            help=_("although devices poll it: they find another relay by themselves"),
        )

    def handle(self, **options: Any) -> None:
        """Retire it, or say what keeps it."""
        name = options["name"]
        try:
            devices = do_retire_relay(
                name,
                reason=options["reason"],
                despite_devices=options["despite_devices"],
                acting_user=typist(),
            )
        except LookupError:
            words = _("There is no relay %(name)s.") % {"name": name}
            raise CommandError(words) from None
        except ValidationError as error:
            hint = "--despite-devices" if "despite_devices" in error.message_dict else ""
            raise CommandError(" ".join([*error.messages, hint]).strip()) from error
        words = _("Relay %(name)s is retired; devices that polled it: %(devices)s.")
        self.stdout.write(words % {"name": name, "devices": devices})
