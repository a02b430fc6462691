"""`bedside console offer-enrolment DEVICE --bundle FILE`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.console.accounts.terminal import typist
from bedside.console.commands import HouseCommand, file_refusal
from bedside.console.devices.actions import do_offer_enrolment
from bedside.console.devices.models import Device
from bedside.console.enrolment.actions import NoRelayError
from bedside.language import N_


class Command(HouseCommand):
    """Makes what is carried to a device: the bundle as a file, the code on standard output."""

    help = N_("make a one-time enrolment code and the signed bundle for a device")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the device and where the bundle goes."""
        parser.add_argument("device")
        parser.add_argument("--bundle", type=Path, required=True, help=_("the file to write"))

    def handle(self, **options: Any) -> None:
        """Write the bundle and print the code, which is shown this once."""
        device = Device.objects.filter(pk=options["device"]).first()
        if device is None:
            words = _("No device is registered as %(device)s.") % {"device": options["device"]}
            raise CommandError(words)
        try:
            # An offer whose bundle cannot be written is none: the code would be lost.
            with transaction.atomic():
                offer = do_offer_enrolment(device, acting_user=typist())
                options["bundle"].write_bytes(offer.bundle)
        except NoRelayError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(file_refusal(error)) from error
        self.stdout.write(offer.code)
