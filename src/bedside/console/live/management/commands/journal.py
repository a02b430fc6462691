"""`bedside console journal verify|export`: prove the journal, or copy it out."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.audit.archive import ArchiveError
from bedside.audit.checkpoint import CheckpointError
from bedside.audit.entry import Thing
from bedside.console.accounts.terminal import typist
from bedside.console.commands import HouseCommand
from bedside.console.enrolment.queries import keys_of_all
from bedside.console.journal.actions import now_ms, record
from bedside.console.journal.export import (
    NothingSealedError,
    export_device,
    export_log,
    verify_own_log,
)
from bedside.language import N_
from bedside.vocabulary import JournalAction


class Command(HouseCommand):
    """Judges the journal by its newest checkpoint, or writes it as an archive."""

    help = N_("verify the journal, or export it (with --device: the console's copy of a device's)")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the word and what it needs."""
        words = parser.add_subparsers(dest="word", required=True, metavar=_("WORD"))
        words.add_parser("verify", help=_("exit 0 when every sealed entry stands as it was sealed"))
        export = words.add_parser("export", help=_("write an archive for `bedside audit verify`"))
        export.add_argument("file", type=Path)
        export.add_argument("--device", help=_("this device's journal instead of the console's"))

    def handle(self, **options: Any) -> None:
        """Do the word."""
        try:
            if options["word"] == "verify":
                self._verify()
            else:
                self._export(options["file"], options["device"])
        except (ArchiveError, CheckpointError, NothingSealedError) as error:
            raise CommandError(str(error)) from error

    def _verify(self) -> None:
        verdict = verify_own_log(now=now_ms())
        if fault := verdict.log.fault:
            raise CommandError(_("Entry %(n)s is not as it was sealed.") % {"n": fault.sequence})
        for copy in verdict.bad_copies:
            fault = copy.verdict.fault
            assert fault
            words = _("%(device)s: entry %(n)s of its copy is not as the device wrote it.")
            raise CommandError(words % {"device": copy.device, "n": fault.sequence})
        words = _("Entries that stand as they were sealed: %(count)s.")
        self.stdout.write(words % {"count": verdict.log.checkpoint.size})

    def _export(self, file: Path, device: str | None) -> None:
        now = now_ms()
        with file.open("xb") as out:
            if device:
                size = export_device(out, device, now=now)
            else:
                size = export_log(out, keys=keys_of_all(), now=now)
        with transaction.atomic():
            record(
                JournalAction.JOURNAL_EXPORT_MADE,
                actor=typist(),
                thing=Thing("device", device) if device else Thing("journal", "console"),
                detail={"size": size},
            )
        self.stdout.write(_("Entries in %(file)s: %(count)s.") % {"file": file, "count": size})
