"""`bedside console restore FROM`: this console as it was when the backup was taken."""

import getpass
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from bedside.console.accounts.terminal import typist
from bedside.console.backup import passphrase
from bedside.console.backup.container import BackupError
from bedside.console.backup.key_files import private_key_in
from bedside.console.backup.progress import ProgressLine, moment
from bedside.console.backup.restoring import (
    RESTORED_CONFIGURATION,
    Restored,
    do_restore,
)
from bedside.console.backup.seal import Lock, WrongKeyError, open_with_key, open_with_passphrase
from bedside.console.commands import HouseCommand, file_refusal
from bedside.console.journal.actions import now_ms
from bedside.console.journal.sealing import JournalDamagedError
from bedside.language import N_


class Command(HouseCommand):
    """Nothing of the console may run meanwhile."""

    help = N_("bring the console back from a backup; nothing of it may run")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file and what opens it."""
        parser.add_argument("file", type=Path, metavar=_("FILE"), help=_("the backup"))
        how = parser.add_mutually_exclusive_group()
        passphrase.offer_file(how)
        how.add_argument(
            "--key",
            type=Path,
            metavar=_("FILE"),
            help=_("the private key (PEM, P-256) of a backup that was made with --to-key"),
        )
        parser.add_argument(
            "--replace",
            action="store_true",
            help=_("move what is in the data folder aside instead of refusing"),
        )

    def handle(self, **options: Any) -> None:
        """Restore, and say what is back, what is not, and what to do."""
        progress = ProgressLine(self.stderr)
        try:
            done = do_restore(
                options["file"],
                lambda lock: _open(lock, options),
                replace=options["replace"],
                actor=typist(),
                now=now_ms(),
                tell=progress.tell,
            )
        except WrongKeyError as error:
            raise CommandError(_("This passphrase or key does not open it.")) from error
        except JournalDamagedError as error:
            raise CommandError(
                _("The journal in it is not what was signed: %(why)s. Take an older backup.")
                % {"why": error}
            ) from error
        except OSError as error:
            raise CommandError(file_refusal(error)) from error
        except BackupError as error:
            raise CommandError(str(error)) from error
        finally:
            progress.end()
        self._say(done)

    def _say(self, done: Restored) -> None:
        say = self.stdout.write
        at = moment(done.manifest.taken_ms)
        say(_("The console is back as it was at %(at)s.") % {"at": at})
        say(
            _("The journal stands as it was sealed: %(count)s entries, the last of them says so.")
            % {"count": done.entries}
        )
        say(
            _("Everybody signs in again; sign-ins and tokens that were ended: %(count)s.")
            % {"count": done.sign_ins_ended}
        )
        if done.moved_to:
            say(_("What was here before lies in %(folder)s.") % {"folder": done.moved_to})
        say(
            _("The configuration of that time: %(file)s. The one in use was not changed.")
            % {"file": RESTORED_CONFIGURATION}
        )
        say(_("Devices send again what they have written since; relays take everything anew."))
        say(
            _(
                "What else was decided after %(at)s is gone. Do again: revocations, locks, closed accounts and rights taken away; devices enrolled or renewed since are enrolled anew."
            )
            % {"at": at}
        )


def _open(lock: Lock, options: dict[str, Any]) -> bytes:
    if lock.kind == "key":
        if not options["key"]:
            raise CommandError(_("It is sealed to a public key: name the private one with --key."))
        return open_with_key(lock, private_key_in(options["key"]))
    file = options["passphrase_file"]
    if file:
        return open_with_passphrase(lock, passphrase.in_file(file))
    typed = getpass.getpass(_("Passphrase: ")) if sys.stdin.isatty() else sys.stdin.readline()
    return open_with_passphrase(lock, typed.rstrip("\n"))
