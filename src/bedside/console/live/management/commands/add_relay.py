"""`bedside console add-relay`: a relay becomes known, and gets the folder it starts from."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from bedside.console.accounts.terminal import typist
from bedside.console.commands import HouseCommand, file_refusal
from bedside.console.journal.actions import now_ms
from bedside.console.live.relay_folder import RelayPlace, RelayRefusedError, do_make_relay_folder
from bedside.console.live.relay_words import address_words, refusal_words
from bedside.language import N_
from bedside.protocol.errors import ProtocolError
from bedside.protocol.fields import Fields
from bedside.protocol.shapes import Relay


class Command(HouseCommand):
    """Run again, it renews the certificate over the key in the folder; no key is made unasked."""

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
        parser.add_argument(
            "--new-key",
            action="store_true",
            help=_("a known relay gets a new key; refused until it has it, and was reloaded"),
        )

    def handle(self, **options: Any) -> None:
        """Check the addresses, issue the certificate, write the folder."""
        address = _address(options)
        listen = tuple(options["listen"] or (f"0.0.0.0:{port}" for port in address.ports))
        folder = options["folder"] or Path(settings.BEDSIDE_DATA_DIR) / "relays" / address.name
        kept = (folder / "relay.toml").exists()
        try:
            config = do_make_relay_folder(
                RelayPlace(address, listen),
                folder,
                actor=typist(),
                now=now_ms(),
                new_key=options["new_key"],
            )
        except RelayRefusedError as error:
            raise CommandError(refusal_words(error.fault, address)) from error
        except OSError as error:
            raise CommandError(file_refusal(error)) from error
        if kept:
            words = _("%(file)s is as it was: what is new of the relay, write there yourself.")
            self.stdout.write(words % {"file": config})
        if options["new_key"]:
            words = _(
                "A relay that runs with the old key is refused from now on: bring it this folder's "
                "key.pem and certificate.pem, then reload it (SIGHUP). Its old certificates are revoked "
                "as soon as it comes with the new key."
            )
            self.stdout.write(words)
        command = f"bedside relay run --config {config}"
        self.stdout.write(_("Start it with: %(command)s") % {"command": command})


def _address(options: dict[str, Any]) -> Relay:
    given = {
        "name": options["name"],
        "host": options["host"],
        "server_name": options["server_name"],
        "ports": options["port"] or [443],
    }
    try:
        return Relay.from_fields(Fields(given))
    except ProtocolError as error:
        raise CommandError(address_words(error, given)) from error
