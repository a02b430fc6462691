"""`bedside console init`: database, keys, certificate, and the first signed checkpoint."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.audit.entry import Thing
from bedside.console.accounts.terminal import typist
from bedside.console.commands import HouseCommand
from bedside.console.enrolment.authority import create_authority
from bedside.console.enrolment.queries import host_ca
from bedside.console.journal.actions import now_ms, record
from bedside.console.journal.custody import check_custody
from bedside.console.journal.export import log_folder
from bedside.console.journal.sealing import Sequencer, SequencerBusyError
from bedside.console.journal.signer import log_signer, verifier_key
from bedside.console.keys import key_store
from bedside.console.live.certificate import live_certificate
from bedside.language import N_
from bedside.language.spelling import spell
from bedside.pki.keystore import KeyName
from bedside.pki.signing import public_key_pem
from bedside.pki.ssh_certificates import fingerprint
from bedside.vocabulary import JournalAction


class Command(HouseCommand):
    """Makes what is missing and leaves what exists, so that it may be run again."""

    help = N_("make database, keys and certificate; what exists is left as it is")

    def handle(self, **options: Any) -> None:
        """Make what is missing, and say what to hand out."""
        del options
        check_custody()
        call_command("migrate", interactive=False, verbosity=0)
        self._say(self._make())

    def _make(self) -> list[KeyName]:
        now = now_ms()
        str(settings.SECRET_KEY)  # made at its first use, which is here: other hosts are given it
        made = create_authority(name=settings.CONFIG.manufacturer, now=now)
        live_certificate(now=now)
        _pinned().write_text(public_key_pem(key_store().public_key(KeyName.MANUFACTURER)))
        if made:
            with transaction.atomic():
                record(
                    JournalAction.JOURNAL_LOG_OPENED,
                    actor=typist(),
                    thing=Thing("log", settings.BEDSIDE_LOG_ORIGIN),
                    detail={"log": settings.BEDSIDE_LOG_ORIGIN, "count": len(made)},
                )
        self._seal(now)
        return made

    def _say(self, made: list[KeyName]) -> None:
        self.stdout.write(_("keys: %(keys)s") % {"keys": ", ".join(made) or _("all there")})
        self.stdout.write(_("devices pin: %(key)s") % {"key": _pinned()})
        self.stdout.write(_("auditors pin: %(key)s") % {"key": verifier_key().to_text()})
        self._say_host_ca()

    def _say_host_ca(self) -> None:
        pinned = fingerprint(host_ca())
        self.stdout.write(_("specialists pin: %(key)s") % {"key": pinned})
        for line in spell(pinned):
            self.stdout.write(f"  {line}")

    def _seal(self, now: int) -> None:
        try:
            sequencer = Sequencer(log_folder(), log_signer())
        except SequencerBusyError:
            return  # a worker runs and does it
        try:
            sequencer.seal(now=now)
        finally:
            sequencer.close()


def _pinned() -> Path:
    return Path(settings.BEDSIDE_DATA_DIR) / "manufacturer.pem"
