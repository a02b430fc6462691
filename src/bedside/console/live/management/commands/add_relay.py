"""`bedside console add-relay`: a relay becomes known, and gets the folder it starts from."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from bedside.console.accounts.terminal import typist
from bedside.console.commands import HouseCommand
from bedside.console.journal.actions import now_ms
from bedside.console.live.relay_folder import RelayPlace, RelayRetiredError, do_make_relay_folder
from bedside.language import N_
from bedside.pki.keystore import KeyStoreError
from bedside.protocol.errors import ProtocolError
from bedside.protocol.fields import Fields
from bedside.protocol.shapes import Relay


class Command(HouseCommand):
    """Writes the folder anew when it is run again; the relay's key is kept."""

    help = N_("make a relay known and write the folder it starts from")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the relay's name and addresses."""
        parser.add_argument("name", help=_("short name, such as a or eu-2"))
        parser.add_argument(
            "--host", required=True, help=_("what devices dial: an address or a name")
        )
        parser.add_argument("--server-name", required=True, help=_("the name in its certificate"))
        parser.add_argument(
            "--port", type=int, action="append", help=_("repeatable, in order; 443")
        )
        parser.add_argument(
            "--listen", action="append", help=_("HOST:PORT it listens on; repeatable")
        )
        parser.add_argument("--folder", type=Path, help=_("where its files go; relays/NAME"))

    def handle(self, **options: Any) -> None:
        """Check the addresses, issue the certificate, write the folder."""
        ports = options["port"] or [443]
        folder = options["folder"] or Path(settings.BEDSIDE_DATA_DIR) / "relays" / options["name"]
        try:
            address = Relay.from_fields(
                Fields(
                    {
                        "name": options["name"],
                        "host": options["host"],
                        "server_name": options["server_name"],
                        "ports": ports,
                    }
                )
            )
            config = do_make_relay_folder(
                RelayPlace(address, tuple(options["listen"] or (f"0.0.0.0:{p}" for p in ports))),
                folder,
                actor=typist(),
                now=now_ms(),
            )
        except RelayRetiredError as error:
            words = _("Relay %(name)s was retired for good: give the new one another name.")
            raise CommandError(words % {"name": address.name}) from error
        except (ProtocolError, KeyStoreError) as error:
            raise CommandError(str(error)) from error
        command = f"bedside relay run --config {config}"
        self.stdout.write(_("Start it with: %(command)s") % {"command": command})
