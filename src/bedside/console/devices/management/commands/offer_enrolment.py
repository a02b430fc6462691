"""`bedside console offer-enrolment DEVICE --to FOLDER`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bedside.console.accounts.terminal import typist
from bedside.console.devices.actions import do_offer_enrolment
from bedside.console.devices.models import Device
from bedside.console.enrolment.actions.offers import NoRelayError
from bedside.vocabulary import parse_device_id


class Command(BaseCommand):
    """Writes the signed bundle of a device; prints its one-time code, which is told only now."""

    help = "a device's signed bundle and one-time enrolment code"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the device and where the bundle goes."""
        parser.add_argument("device")
        parser.add_argument("--to", type=Path, required=True, help="the bundle's file")

    def handle(self, **options: Any) -> None:
        """Offer enrolment; the journal names who ran this command."""
        try:
            device = Device.objects.get(pk=parse_device_id(options["device"]))
            offer = do_offer_enrolment(device, acting_user=typist())
            options["to"].write_bytes(offer.bundle)
        except (ValueError, Device.DoesNotExist) as error:
            raise CommandError(f"{options['device']}: there is no such device") from error
        except NoRelayError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{options['to']}: {error.strerror}") from error
        self.stdout.write(offer.code)
