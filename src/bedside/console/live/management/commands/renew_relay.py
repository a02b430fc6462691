"""`bedside console renew-relay NAME --request FILE`: the next certificate of a relay that runs."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from bedside.console.accounts.terminal import typist
from bedside.console.commands import HouseCommand, file_refusal
from bedside.console.journal.actions import now_ms
from bedside.console.live.relay_folder import RelayFault, RelayRefusedError, do_renew_relay
from bedside.console.live.relay_words import renewal_words
from bedside.language import N_
from bedside.pki.relay_requests import check_relay_request
from bedside.pki.requests import MAX_REQUEST, RequestError
from bedside.vocabulary import parse_relay_name


class Command(HouseCommand):
    """The relay's key stays where it is: only its request comes here, and a certificate goes back."""

    help = N_("the next certificate of a relay, from a request that its own key signed")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the relay's name and its request."""
        parser.add_argument("name", help=_("the relay's short name"))
        parser.add_argument(
            "--request",
            type=Path,
            required=True,
            metavar=_("FILE"),
            help=_("what `bedside relay request` printed there; - is standard input"),
        )
        parser.add_argument(
            "--certificate",
            type=Path,
            metavar=_("FILE"),
            help=_("where the certificate goes; printed otherwise"),
        )

    def handle(self, **options: Any) -> None:
        """Verify the request, issue the certificate, hand it out."""
        name, file = options["name"], options["certificate"]
        try:
            key = check_relay_request(_request(options["request"]))
            issued = do_renew_relay(parse_relay_name(name), key, actor=typist(), now=now_ms())
            if file:
                file.write_text(issued.pem, encoding="ascii")
        except RelayRefusedError as error:
            raise CommandError(renewal_words(error.fault, name)) from error
        except RequestError as error:
            words = _("%(file)s is no request that a relay's key signed: make it anew there.")
            raise CommandError(words % {"file": options["request"]}) from error
        except OSError as error:
            raise CommandError(file_refusal(error)) from error
        except ValueError as error:
            raise CommandError(renewal_words(RelayFault.UNKNOWN, name)) from error
        if not file:
            self.stdout.write(issued.pem, ending="")
        # Beside the certificate, which a pipe may take: not into it.
        print(
            _("Put it over the relay's certificate.pem, then reload the relay (SIGHUP)."),
            file=sys.stderr,
        )


def _request(file: Path) -> bytes:
    """The request, and no more than shows that it is too long; whoever types may be unable to open it."""
    if str(file) == "-":
        return sys.stdin.buffer.read(MAX_REQUEST + 1)
    with file.open("rb") as request:
        return request.read(MAX_REQUEST + 1)
