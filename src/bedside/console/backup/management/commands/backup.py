"""`bedside console backup TO`: one file that this console can be brought back from."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from bedside.console.accounts.terminal import read_password, typist
from bedside.console.backup import passphrase
from bedside.console.backup.container import BackupError
from bedside.console.backup.key_files import public_key_in
from bedside.console.backup.making import Closing, do_make_backup
from bedside.console.backup.progress import ProgressLine, moment
from bedside.console.backup.seal import lock_to_key, lock_with_passphrase, new_file_key
from bedside.console.commands import HouseCommand, file_refusal
from bedside.language import N_

_SHORTEST = 15


class Command(HouseCommand):
    """The console goes on meanwhile; the file holds the moment at which the copy began."""

    help = N_("write a backup, sealed, while the console runs")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file and how it is closed."""
        parser.add_argument("to", type=Path, metavar=_("FILE"), help=_("the new file"))
        how = parser.add_mutually_exclusive_group()
        passphrase.offer_file(how)
        how.add_argument(
            "--to-key",
            type=Path,
            metavar=_("FILE"),
            help=_("a public key (PEM, P-256): only its private half opens the backup"),
        )
        how.add_argument(
            "--open", action="store_true", help=_("sealed by nothing; only with --without-keys")
        )
        parser.add_argument(
            "--without-keys",
            action="store_true",
            help=_("leave the private keys out: they are kept elsewhere"),
        )

    def handle(self, **options: Any) -> None:
        """Write the backup and say what it holds."""
        if options["open"] and not options["without_keys"]:
            raise CommandError(_("Keys never lie in an open backup: say --without-keys too."))
        progress = ProgressLine(self.stderr)
        try:
            manifest = do_make_backup(
                options["to"],
                self._closing(options),
                configuration=_configuration(),
                actor=typist(),
                tell=progress.tell,
            )
        except OSError as error:
            raise CommandError(file_refusal(error)) from error
        except BackupError as error:
            raise CommandError(str(error)) from error
        finally:
            progress.end()
        size = options["to"].stat().st_size
        words = _(
            "%(file)s: the console as it was at %(at)s, %(size)s bytes, %(count)s sealed entries."
        )
        self.stdout.write(
            words
            % {
                "file": options["to"],
                "at": moment(manifest.taken_ms),
                "size": size,
                "count": manifest.journal_size,
            }
        )
        if options["without_keys"]:
            self.stdout.write(
                _(
                    "The private keys and secret.key are not in it: keep them apart, or it is worth nothing."
                )
            )

    def _closing(self, options: dict[str, Any]) -> Closing:
        with_keys, key = not options["without_keys"], new_file_key()
        if options["open"]:
            return Closing(with_keys=False)
        if options["to_key"]:
            return Closing(key, lock_to_key(key, public_key_in(options["to_key"])), with_keys)
        file = options["passphrase_file"]
        words = passphrase.in_file(file) if file else read_password()
        if len(words) < _SHORTEST:
            raise CommandError(
                _("A passphrase has %(count)s characters or more.") % {"count": _SHORTEST}
            )
        return Closing(key, lock_with_passphrase(key, words), with_keys)


def _configuration() -> bytes:
    return settings.CONFIG_FILE.read_bytes() if settings.CONFIG_FILE else b""
