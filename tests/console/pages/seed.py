"""Fill a real console's database with a fleet, a history and a session that is live.

Run as a program of its own over the console's configuration: `python -m tests.console.pages.seed`.
"""

import os
import sys
import tempfile
from pathlib import Path

import django

from bedside.audit.chain import GENESIS, extend
from bedside.audit.entry import SYSTEM, Act, Actor, ActorKind, Thing, parse_entry, time_text
from bedside.vocabulary import ClockState, DeviceId, Gate, JournalAction, Outcome

HOSTILE = "<script>alert(1)</script>"

# Somebody who has never signed in.
NEWCOMER = """
[[people]]
email = "nora@bayard.example"
name = "Nora Castillo"
organisation = "bayard-imaging"
role = "auditor"
country = "US"
vetted_on = "2025-02-03"
password = "a long password of the tests"
"""

# id, product, site, name, room, enrolled, online
FLEET = [
    ("CI-20390", "contrast-injector", "st-mary", "Injector, angiography", "12", True, True),
    ("CI-20418", "contrast-injector", "notre-dame", "Injector, room 4", "4", True, True),
    ("CI-20431", "contrast-injector", "notre-dame", "Injector, room 7", "7", True, False),
    ("CI-20502", "contrast-injector", "st-mary", HOSTILE, "MR 2", True, True),
    ("CI-20511", "contrast-injector", "st-mary", "Injector, MR 3", "MR 3", False, False),
    ("WS-00298", "workstation", "notre-dame", "Reading room", "A-214", True, True),
    ("WS-00311", "workstation", "st-mary", "Reading room", "B-010", True, True),
]


CASE = "C-90001"


class Chain:
    """A device's own journal, written as the agent writes it."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.lines: list[bytes] = []
        self.head = GENESIS

    @classmethod
    def resume(cls, device: str) -> "Chain":
        """Go on where the console knows the journal to end."""
        from bedside.console.journal.device_journals import known_head
        from bedside.console.journal.queries import device_entries

        chain = cls(device)
        chain.lines = list(device_entries(device))
        chain.head = known_head(device)
        return chain

    def write(self, action, at_ms, session, actor=None, **more) -> None:
        act = Act(
            time=time_text(at_ms),
            clock=ClockState.SYNCHRONISED,
            actor=actor or Actor(ActorKind.DEVICE, self.device, self.device),
            action=action,
            object=more.pop("thing", Thing("session", session)),
            session=session,
            outcome=more.pop("outcome", Outcome.SUCCESS),
            gate=more.pop("gate", None),
            detail=more,
        )
        line, self.head = extend(self.head, act)
        self.lines.append(line)

    def report(self, now: int) -> None:
        """Send everything; what is known already changes nothing."""
        from django.db import transaction

        from bedside.console.journal.device_journals import Signed, do_store_report
        from bedside.console.service_sessions.actions import do_apply_device_entry
        from bedside.protocol.orders import DeviceReport

        report = DeviceReport(
            device=DeviceId(self.device),
            first=0,
            entries=tuple(line.decode() for line in self.lines),
            size=self.head.size,
            head=self.head.hash,
            sent_ms=now,
        )
        with transaction.atomic():
            do_store_report(report, Signed(report.to_bytes(), "c2ln", "k"), now=now)
            for line in self.lines:
                do_apply_device_entry(self.device, parse_entry(line), now=now)


def main() -> None:
    django.setup()
    from django.db import transaction

    from bedside.console.devices.actions import (
        DeviceDetails,
        do_import_profile,
        do_pin_to_relays,
        do_save_device,
    )
    from bedside.console.devices.models import RelayPin
    from bedside.console.journal.actions import now_ms
    from bedside.console.project.world import apply_world
    from tests.console.relays.world import add_relays
    from tests.console.world import DEVICE, PROFILES, WORLD

    with transaction.atomic():
        add_relays("a", "b")
    for profile in sorted(PROFILES.glob("*.toml")):
        do_import_profile(profile.read_bytes(), acting_user=SYSTEM)
    apply_world((WORLD + NEWCOMER).encode(), acting_user=SYSTEM)
    with tempfile.TemporaryDirectory() as folder:
        enrol_now(DEVICE, Path(folder))
        for device, product, site, name, room, enrolled, online in FLEET:
            details = DeviceDetails(product=product, site=site, display_name=name, room=room)
            do_save_device(device, details, acting_user=SYSTEM)
            if enrolled:
                enrol_now(device, Path(folder))
            if enrolled and not online:
                leave(device, now_ms())
    do_pin_to_relays(RelayPin.Scope.COUNTRY, "US", ["b", "a"], acting_user=SYSTEM)
    lock("CI-20418", "Waiting for a new pressure transducer")
    history(DEVICE)
    ask_for_help(DEVICE)
    seal(now_ms())


def enrol_now(device: str, folder: Path) -> None:
    from django.db import transaction

    from tests.console.world import enrol

    with transaction.atomic():
        enrol(device, folder)


def leave(device: str, now: int) -> None:
    from django.db import transaction

    from bedside.console.live.sightings import do_apply_sightings
    from bedside.protocol.batch import Absent
    from bedside.vocabulary import DeviceId

    gone = Absent(device=DeviceId(device), at_ms=now, polled_ms=now)
    with transaction.atomic():
        do_apply_sightings("a", [gone], now=now)


def lock(device: str, reason: str) -> None:
    from bedside.console.access.actions import LockTarget
    from bedside.console.service_sessions.actions import do_set_lock
    from bedside.policy.facts import LockScope
    from tests.console.world import person

    do_set_lock(LockTarget(LockScope.DEVICE, device), reason=reason, acting_user=person("Alex"))


def seal(now: int) -> None:
    from bedside.console.journal.export import log_folder
    from bedside.console.journal.sealing import Sequencer
    from bedside.console.journal.signer import log_signer

    sequencer = Sequencer(log_folder(), log_signer())
    sequencer.seal(now=now)
    sequencer.close()


def ask_for_help(device: str) -> None:
    from bedside.console.cases.models import Case
    from bedside.console.journal.actions import now_ms

    Case.objects.create(
        number=CASE, device_id=device, topic="fault", asked_by="L. Roy", opened_ms=now_ms()
    )


def history(device: str) -> None:
    """A session that was refused, one that ended well, and one that is live now."""
    from bedside.console.journal.actions import now_ms
    from bedside.console.service_sessions.actions import (
        do_apply_tunnel_event,
        do_note_delivered,
    )
    from bedside.vocabulary import AccessKind, Mode
    from tests.console.pages.reader import ask

    ask("Sam", device, access=AccessKind.SERVICE, mode=Mode.VIEW, case="C-88197",
        reason="Screen stays dark after start")  # fmt: skip
    chain = Chain(device)
    first = ask("Marie", device, access=AccessKind.SERVICE, mode=Mode.VIEW, case="C-88206",
                reason="Flow warning in the morning test")  # fmt: skip
    do_note_delivered(first.pk, at_ms=now_ms(), relay="a")
    live(chain, first.pk, Mode.VIEW, now_ms())
    over(chain, first.pk, now_ms())
    chain.report(now_ms())
    do_apply_tunnel_event(first.pk, "closed", relay="a", bytes_from_device=48_213,
                          bytes_from_specialist=3_904, at_ms=now_ms())  # fmt: skip
    second = ask("Marie", device)
    do_note_delivered(second.pk, at_ms=now_ms(), relay="a")
    live(chain, second.pk, Mode.CONTROL, now_ms())
    files(chain, second.pk, now_ms())
    chain.report(now_ms())
    do_apply_tunnel_event(second.pk, "closed", relay="a", bytes_from_device=1_284_113,
                          bytes_from_specialist=20_480, at_ms=now_ms())  # fmt: skip


def live(chain: Chain, session: str, mode, now: int) -> None:
    operator = Actor(ActorKind.OPERATOR, "panel", "Nadia Roy")
    chain.write(JournalAction.SESSION_CONSENT_ASKED, now, session)
    chain.write(JournalAction.SESSION_CONSENT_GIVEN, now, session, operator, mode=mode.value)
    chain.write(JournalAction.SESSION_TUNNEL_OPENED, now, session, relay="a")
    chain.write(JournalAction.SESSION_AUTHENTICATION_SUCCEEDED, now, session)
    chain.write(JournalAction.SESSION_LIFE_LIVE, now, session)


def over(chain: Chain, session: str, now: int) -> None:
    chain.write(JournalAction.SESSION_LIFE_ENDED, now, session, ending="by_specialist")


def files(chain: Chain, session: str, now: int) -> None:
    marie = Actor(ActorKind.PERSON, "marie", "Marie Tremblay")
    chain.write(JournalAction.SESSION_CHANNEL_OPENED, now, session, marie, channel="shell")
    chain.write(
        JournalAction.SESSION_FILE_SENT, now, session, marie,
        data_item="event-log", bytes=18_422, sha256="9f2c" * 16,
    )  # fmt: skip
    chain.write(
        JournalAction.SESSION_CHANNEL_REFUSED, now, session, marie,
        outcome=Outcome.REFUSED, gate=Gate.FORWARD, host="10.0.4.17", port=445,
    )  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bedside.console.project.settings")  # noqa: TID251 - this is a program's start
    sys.exit(main())
