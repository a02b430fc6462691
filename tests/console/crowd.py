"""Rows by the thousand and by the million, poured straight into the tables.

One `Crowd` says how many of each there are. Tests pour a few of each and count queries, the
benchmark pours a fleet that nobody has yet. Rows are copies of a row that the console itself made,
so that a page can read each of them.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import connection, models

from bedside.audit.chain import GENESIS, extend
from bedside.audit.entry import Act, Actor, ActorKind, Thing, time_text
from bedside.console.access.models import Entitlement, Lock, ProductRight, StartRule
from bedside.console.accounts.models import (
    ApiToken,
    BrowserSession,
    Invitation,
    Organisation,
    SupportContact,
    User,
    Workstation,
)
from bedside.console.cases.models import Case
from bedside.console.devices.models import Device
from bedside.console.identifiers import new_ulid
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import (
    DeviceEntry,
    DeviceRejection,
    JournalRow,
    LogHead,
)
from bedside.console.notices.models import Notice
from bedside.console.relays.models import DevicePresence, UnseenDevice
from bedside.console.service_sessions.models import ServiceSession, SessionApproval, TimelineRow
from bedside.console.sites.models import BreakGlass, SiteContact, SiteHook, SiteWindow
from bedside.policy.facts import LockScope
from bedside.vocabulary import ClockState, DeviceId, JournalAction, Outcome, SessionState
from tests.console.passkeys import register_passkey
from tests.console.world import DEVICE, person

__all__ = ["Crowd"]

_BATCH = 10_000
_DAY_MS = 86_400_000
_SITE = "notre-dame"
_ACTIONS = (
    JournalAction.DEVICE_PRESENCE_CHANGED,
    JournalAction.SESSION_REQUEST_ALLOWED,
    JournalAction.SESSION_LIFE_ENDED,
    JournalAction.ACCOUNT_LOGIN_SUCCEEDED,
)
Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class Crowd:
    """How many of each; `each` counts what one site, person, device or session has of its own.

    `session` is a session that the console made: the model of all others.
    """

    session: ServiceSession
    sites: int
    devices: int
    people: int
    journal: int
    sessions: int
    each: int

    def pour(self) -> None:
        """Put everything into the database; the world is there already."""
        self._organisations()
        self._devices()
        self._people()
        self._sessions()
        self._of_the_site()
        self._of_the_person()
        self._of_the_session()
        self._notices()
        self._journal()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")

    @property
    def somebody(self) -> str:
        """The person of the crowd who is looked at."""
        return _person(0)

    @property
    def middle_ms(self) -> int:
        """When the middle one of the journal's entries was written."""
        return now_ms() - self.journal * 500

    def _organisations(self) -> None:
        site = Organisation(kind="site", country="CA", language="fr", timezone="America/Toronto")
        pour(site, ({"key": f"site-{n}", "name": f"Hospital {n:04d}"} for n in range(self.sites)))
        contact = SupportContact(
            organisation_id=_maker(), name="Support", telephone="+1 555 0100", email="", hours=""
        )
        pour(contact, ({"country": each} for each in _countries(self.each)))

    def _devices(self) -> None:
        device = Device(product_id="contrast-injector", state="enrolled")
        pour(
            device,
            (
                {"id": _device(n), "site_id": self._site(n), "display_name": f"Injector {n}",
                 "room": str(n % 40)}
                for n in range(self.devices)
            ),
        )  # fmt: skip
        seen = DevicePresence(
            at_ms=now_ms(), mode="held", activity="idle", version="0.1.0", configuration=1,
            journal_size=10, journal_head="0" * 64, address="192.0.2.1",
        )  # fmt: skip
        pour(
            seen,
            (
                {"device": _device(n), "relay": "ab"[n % 2], "online": n % 10 != 0,
                 "instance": secrets.token_hex(16)}
                for n in range(self.devices - self.each)
            ),
        )  # fmt: skip
        unseen = range(self.devices - self.each, self.devices)
        pour(UnseenDevice(), ({"device": _device(n)} for n in unseen))
        cover = Entitlement(start_ms=0)
        pour(cover, ({"device_id": _device(n)} for n in range(self.devices // 10 + 1)))

    def _people(self) -> None:
        moment = now_ms()
        colleague = User(
            organisation_id=_maker(), role="specialist", country="US", activated_ms=moment,
            vetted_on=None, reviewed_ms=moment - 80 * _DAY_MS, password="!",
        )  # fmt: skip
        pour(
            colleague,
            (
                {"id": _person(n), "email": f"person{n}@bayard.example",
                 "name": f"Person {n:05d}", "level": n % 3 + 1}
                for n in range(self.people)
            ),
        )  # fmt: skip
        nurse = _copy(colleague, organisation_id=_SITE, role="site_approver", level=None)
        pour(
            nurse,
            (
                {"id": new_ulid(moment), "email": f"n{n}@nd.example", "name": f"Nurse {n}"}
                for n in range(self.each)
            ),
        )
        right = ProductRight(product_id="contrast-injector", start_ms=0)
        pour(right, ({"person_id": _person(n)} for n in range(self.people)))

    def _sessions(self) -> None:
        """Ended ones over the whole fleet, in order of time."""
        moment = now_ms() - _DAY_MS
        over = {"state": SessionState.ENDED.value, "ending": "by_operator", "ended_ms": moment}
        pour(
            _copy(self.session, **over),
            (
                {"id": _session(n), "device_id": _device(n % self.devices), "person_id": _person(n % self.people)}
                for n in range(self.sessions)
            ),
        )  # fmt: skip
        case = Case(topic="fault", asked_by="Anne", opened_ms=moment, state={})
        taken = {"taken_by_id": person("Marie").pk, "taken_ms": moment}
        pour(
            case,
            (
                {"number": f"B-{n:08d}", "device_id": _device(n % self.devices) if n else DEVICE,
                 **(taken if n % 3 else {}), **({"closed_ms": moment} if n % 3 == 2 else {})}
                for n in range(self.sessions)
            ),
        )  # fmt: skip

    def _of_the_site(self) -> None:
        """What one site and one of its devices have."""
        moment, julie, marie = now_ms(), person("Julie").pk, person("Marie").pk
        times = {"start_ms": moment + _DAY_MS, "end_ms": moment + 2 * _DAY_MS}
        rows = [{"device_id": DEVICE if n % 2 else None} for n in range(self.each)]
        window = SiteWindow(site_id=_SITE, set_by_id=julie, **times)
        pour(window, ({"id": new_ulid(moment), **row} for row in rows))
        glass = BreakGlass(
            site_id=_SITE, device_id=DEVICE, reason="x", started_by_id=julie,
            start_ms=moment - 2 * _DAY_MS, end_ms=moment - _DAY_MS,
        )  # fmt: skip
        pour(glass, ({"id": new_ulid(moment)} for _ in rows))
        contact = SiteContact(site_id=_SITE)
        pour(contact, ({"name": f"C{n}", "email": f"c{n}@nd.example"} for n, _ in enumerate(rows)))
        hook = SiteHook(site_id=_SITE, created_by_id=julie, secret="x")
        pour(
            hook,
            (
                {"id": new_ulid(moment), "url": f"https://nd.example/{n}"}
                for n, _ in enumerate(rows)
            ),
        )
        lock = Lock(scope=LockScope.DEVICE.value, target=DEVICE, reason="x", set_by_id=julie)
        lock.organisation_id = _SITE
        pour(lock, ({"start_ms": n, "end_ms": n + 1} for n, _ in enumerate(rows)))
        for state in (SessionState.AWAITING_SITE, SessionState.LIVE_VIEW, SessionState.ENDED):
            row = _copy(self.session, state=state.value, device_id=DEVICE, person_id=marie)
            if state is SessionState.ENDED:
                row.ending, row.ended_ms, row.break_glass = "by_operator", moment, True
                row.case, row.requested_ms = "B-00000000", moment - 2 * _DAY_MS
            if state is SessionState.LIVE_VIEW:
                row.joins_id = self.session.pk
            pour(row, ({"id": new_ulid(moment)} for _ in rows))
        rule = StartRule(level=1, start_view=True)
        pour(rule, ({"country": each} for each in _countries(self.each)))

    def _of_the_person(self) -> None:
        """What two people have: one who is looked at, and one who looks at their own."""
        moment = now_ms()
        for who in (_person(0), person("Marie").pk, person("Julie").pk):
            token = ApiToken(
                person_id=who, client="tests", scope=["devices:device:read"], created_ms=moment,
                expires_ms=moment + _DAY_MS,
            )  # fmt: skip
            pour(token, ({"id": new_ulid(moment), "digest": _word()} for _ in range(self.each)))
            browser = BrowserSession(person_id=who, program="Firefox", started_ms=moment)
            pour(
                browser,
                ({"id": new_ulid(moment), "session_key": _word()[:40]} for _ in range(self.each)),
            )
            register_passkey(User.objects.get(pk=who))
            made = Authenticator.objects.filter(user_id=who, type="webauthn").get()
            # Nobody has as many of these as a site has windows.
            pour(made, ({} for _ in range(2 + self.each // 10)))
        asked = Invitation(
            person_id=_person(0), invited_by="Alex", created_ms=moment, expires_ms=moment,
            ended_ms=moment,
        )  # fmt: skip
        pour(asked, ({"id": new_ulid(moment), "digest": _word()} for _ in range(self.each)))
        keys = Authenticator.objects.filter(user_id=_person(0), type="webauthn")
        station = Workstation(name="Desk", enrolled_by="Alex")
        pour(station, ({"passkey_id": key} for key in keys.values_list("pk", flat=True)[1:]))

    def _of_the_session(self) -> None:
        moment = now_ms()
        step = TimelineRow(session=self.session, at_ms=moment, state="live_view")
        pour(step, ({} for _ in range(self.each)))
        say = SessionApproval(
            session=self.session, approver_name="Julie Gagnon", approved=True, at_ms=moment
        )
        pour(say, ({"approver_id": _person(n)} for n in range(min(self.each, self.people))))
        act = _act(JournalAction.SESSION_CONSENT_ASKED, moment)
        told = DeviceEntry(
            device=DEVICE, at_ms=moment, action=act.action, session=self.session.pk,
            line=extend(GENESIS, act)[0].decode(), received_ms=moment,
        )  # fmt: skip
        pour(told, ({"seq": n} for n in range(self.each)))
        wrong = DeviceRejection(device=DEVICE, at_ms=moment, reason="gap", report=b"")
        pour(wrong, ({"digest": _word()} for _ in range(self.each)))

    def _notices(self) -> None:
        moment = now_ms()
        notice = Notice(
            channel="mail", address="it@nd.example", event="session:life:ended", subject="Over",
            body="Over", next_ms=moment,
        )  # fmt: skip
        states = ("sent", "dead", "waiting")
        pour(
            notice,
            (
                {"id": new_ulid(moment), "key": f"crowd-{n}", "state": states[n % 3],
                 "organisation": self._site(n)}
                for n in range(max(self.each, self.sessions))
            ),
        )  # fmt: skip

    def _journal(self) -> None:
        """Entries that have their places in the log: the sequencer seals them without a search."""
        head = LogHead.objects.get(pk=1)
        waiting = JournalRow.objects.filter(sequence=None).order_by("pk")
        for row in waiting.values_list("pk", flat=True):
            JournalRow.objects.filter(pk=row).update(sequence=head.size)
            head.size += 1
        begun = now_ms() - self.journal * 1000
        pour(JournalRow(), (self._entry(n, head.size + n, begun) for n in range(self.journal)))
        head.size += self.journal
        head.save()

    def _entry(self, number: int, place: int, begun: int) -> dict[str, Any]:
        action = _ACTIONS[number % len(_ACTIONS)]
        device, at_ms = _device(number % self.devices), begun + number * 1000
        # A fifth of the fleet's entries belongs to sessions, a few to the one that is looked at.
        session = _session(number // 5 % max(1, self.sessions)) if number % 5 == 0 else ""
        line = _line(action).replace(b"CI-0000000", device.encode())
        return {
            "at_ms": at_ms, "actor_kind": "system", "actor_id": "worker", "action": action.value,
            "outcome": Outcome.SUCCESS.value, "device": device, "entry": line, "sequence": place,
            "session": self.session.pk if number < self.each else session,
        }  # fmt: skip

    def _site(self, number: int) -> str:
        """Every tenth thing is at the site that is looked at, in a large crowd every thousandth."""
        at_the_site = number % (10 if self.sites < 100 else self.sites) == 0
        return _SITE if at_the_site else f"site-{number % self.sites}"


@cache
def _maker() -> str:
    return Organisation.objects.get(kind="manufacturer").pk


def _device(number: int) -> str:
    return f"CI-{number:07d}"


def _person(number: int) -> str:
    return f"01CROWD0000000000000{number:06d}"


def _countries(count: int) -> list[str]:
    """Return codes that no country has."""
    return [f"{a}{b}" for a in "QXZ" for b in "ABCDEFGHIJKLMNOP"][:count]


def _session(number: int) -> str:
    return f"01CROWD00000000000{number:08d}"


def _word() -> str:
    return secrets.token_hex(32)


def _act(action: JournalAction, at_ms: int) -> Act:
    return Act(
        time=time_text(at_ms),
        clock=ClockState.SYNCHRONISED,
        actor=Actor(ActorKind.SYSTEM, "worker", "worker"),
        action=action,
        object=Thing("device", DeviceId("CI-0000000")),
        outcome=Outcome.SUCCESS,
        detail={},
    )


@cache
def _line(action: JournalAction) -> bytes:
    return _act(action, 1_795_435_200_000).at(0, None).to_line()


def _copy(row: models.Model, **changed: object) -> Any:
    names = [field.attname for field in row._meta.concrete_fields]
    return type(row)(**{**{name: getattr(row, name) for name in names}, **changed})


def pour(model: models.Model, rows: Rows) -> None:
    """Put rows into the model's table: the model's own values, but for what each row changes."""
    fields = [field for field in model._meta.concrete_fields if _is_given(field)]
    plain = {
        field.attname: field.get_db_prep_save(getattr(model, field.attname), connection)
        for field in fields
    }
    table = connection.ops.quote_name(model._meta.db_table)
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    ready = (tuple({**plain, **row}.values()) for row in rows)
    if connection.vendor == "postgresql":
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
        ):
            for row in ready:
                copy.write_row(row)
        return
    places = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"
    with connection.cursor() as cursor:
        while batch := list(islice(ready, _BATCH)):
            cursor.executemany(statement, batch)


def _is_given(field: models.Field) -> bool:
    made_there = isinstance(field, models.AutoField | models.BigAutoField | models.GeneratedField)
    return not made_there
