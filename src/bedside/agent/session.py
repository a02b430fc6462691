"""One session at the device, from the question to the person here to the ending in the journal.

Each act is in the journal before it happens. Whatever ends the session (the person's Stop, a limit,
the console, the relay, three wrong answers) arrives at one place, `over`, which the first one wins.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any

from bedside.agent.credential import SupportCredential
from bedside.agent.dial import OpenLeg
from bedside.agent.journal import JournalError
from bedside.agent.ledger import Ledger
from bedside.agent.legs import CUT_OFF, LegEvents, Legs, Way
from bedside.agent.site.entries import write_approval
from bedside.agent.site.plan import SiteFacts, closes_ms, ending_gate
from bedside.agent.ssh.children import Leash
from bedside.agent.ssh.grant import SessionGrant
from bedside.agent.ssh.helm import Seat
from bedside.agent.ssh.server import Endpoint, Visit
from bedside.agent.ssh.stage import Stage
from bedside.audit.entry import Actor, ActorKind, Deed, DetailValue, Thing, short
from bedside.pki.signing import CONSENT, Signer, sign_envelope
from bedside.protocol.local import AskedRequest, OpenSession, Verification
from bedside.protocol.orders import Consent, SessionOrder
from bedside.protocol.site import Approver
from bedside.vocabulary import (
    AccessKind,
    Activity,
    Ending,
    Gate,
    JournalAction,
    Mode,
    Outcome,
)

__all__ = ["Over", "ServiceSession", "SessionParts"]

CONNECT_LIMIT_S = 600.0
_WEIGHED_S = 15.0
"""How long an answer that came in time is weighed at most: the console calls 20 s silence."""
_MAX_CHANGES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """How a session ended, by which gate, and who ended it."""

    ending: Ending
    gate: Gate | None = None
    actor: Actor | None = None
    detail: Mapping[str, DetailValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts:
    """What a session needs of the worker around it."""

    ledger: Ledger
    signer: Signer
    credential: SupportCredential
    way: Way
    leash: Leash
    runs_as: Callable[[AccessKind], str]
    grant: Callable[[SessionOrder], SessionGrant]
    show: Callable[[dict[str, Any]], None]
    require_verification: Callable[[Verification], None]
    news: Callable[[], None]
    news_soon: Callable[[], None]
    site: Callable[[], SiteFacts]
    now_ms: Callable[[], int]
    stage: Stage


class ServiceSession:
    """A session whose order passed the gates and stands in the journal as received.

    Args:
        order: the grant.
        digest: the hash of the order's signed bytes, which the consent names.
        parts: what it needs.
        approvers: who of the site verifiably approved the order.
    """

    def __init__(
        self,
        order: SessionOrder,
        digest: str,
        parts: SessionParts,
        *,
        approvers: tuple[Approver, ...] = (),
    ) -> None:
        self.order = order
        self._digest = digest
        self._parts = parts
        self._approvers = approvers
        loop = asyncio.get_running_loop()
        self.over: asyncio.Future[Over] = loop.create_future()
        self._consented: asyncio.Future[str] = loop.create_future()
        person = order.person
        self.specialist = Actor(ActorKind.PERSON, person.id, person.name)
        self._seat = _seat_of(order)
        self._code = ""
        self._since_ms = 0
        self._until_ms = 0
        self._deadline = 0.0
        self._at_its_end = Over(ending=Ending.EXPIRED)
        self._doing = ""
        self._live = False
        self._weighed = 0
        self._changes: list[str] = []
        self._endpoint: Endpoint | None = None
        self._legs: Legs | None = None
        self._watchers: set[asyncio.Task[None]] = set()
        self._spent = False
        self._alone_since = time.monotonic()
        self._moved = time.monotonic()

    # ---- what may happen to it ----

    @property
    def stage(self) -> Stage:
        """The terminals that are seen in it."""
        return self._parts.stage

    @property
    def consented(self) -> bool:
        """Whether the operator said yes."""
        return self._consented.done()

    @property
    def live(self) -> bool:
        """Whether somebody passed both authentications."""
        return self._live

    @contextlib.contextmanager
    def weighing(self) -> Iterator[int]:
        """The operator has answered, and the gates are asked anew; yields when that was (Unix ms).

        What the device's own probe takes for it is not the operator's silence.
        """
        self._weighed += 1
        try:
            yield self._parts.now_ms()
        finally:
            self._weighed -= 1

    def too_late(self, answered_ms: int) -> Gate | None:
        """Return the gate by which an answer given at `answered_ms` changes nothing, None where it may."""
        if self.over.done():
            return self.over.result().gate or Gate.DEVICE_STATE
        if self._consented.done() or answered_ms >= self.order.answer_by_ms:
            return Gate.CONSENT_SILENCE
        return None

    def accept(self, name: str, *, answered_ms: int) -> Gate | None:
        """The operator `name` lets the specialist in; return the gate that refused that, or None.

        On return the signed consent is in the journal.
        """
        if (late := self.too_late(answered_ms)) is not None:
            return late
        now_ms = self._parts.now_ms()
        site = self._parts.site()
        closed = ending_gate(self.order, site, now_ms)
        if closed is not None:
            self.finish(Over(ending=Ending.REFUSED, gate=closed))
            return closed
        self._set_end(site, now_ms)
        consent = Consent(
            session=self.order.session,
            device=self.order.device,
            order=self._digest,
            name=name,
            access=self.order.access,
            mode=self.order.mode,
            given_ms=now_ms,
            until_ms=self._until_ms,
        )
        envelope = sign_envelope(consent.to_bytes(), CONSENT, self._parts.signer)
        try:
            self._write(
                JournalAction.SESSION_CONSENT_GIVEN,
                actor=Actor(ActorKind.OPERATOR, "operator", name),
                detail={"name": name, "consent": envelope.decode(), **self._terms()},
            )
        except JournalError:
            self.finish(Over(ending=Ending.FAILED, gate=Gate.JOURNAL))
            return Gate.JOURNAL
        self._consented.set_result(name)
        return None

    def _set_end(self, site: SiteFacts, now_ms: int) -> None:
        """The session lasts as ordered, or until the site's window closes."""
        closes = closes_ms(self.order, site, now_ms)
        self._until_ms = now_ms + self.order.duration_s * 1000
        if closes is not None and closes < self._until_ms:
            self._until_ms = closes
            self._at_its_end = Over(ending=Ending.SITE_TERMINATED, gate=Gate.SITE_WINDOW)
        # Whoever turns the clock back does not stay longer for it.
        self._deadline = time.monotonic() + (self._until_ms - now_ms) / 1000

    def refuse(self) -> None:
        """The operator says no."""
        if self.over.done():
            return
        # A no counts even where it cannot be written down.
        with contextlib.suppress(JournalError):
            self._write(
                JournalAction.SESSION_CONSENT_REFUSED, outcome=Outcome.REFUSED, gate=Gate.CONSENT
            )
        self.finish(Over(ending=Ending.REFUSED, gate=Gate.CONSENT))

    def finish(self, over: Over) -> None:
        """End it; the first ending counts."""
        if not self.over.done():
            self.over.set_result(over)

    # ---- its life ----

    async def run(self) -> Over:
        """Live it to its end, and leave the ending in the journal."""
        try:
            await self._ask()
            if not self.over.done():
                await self._serve()
        except* JournalError:
            self.finish(Over(ending=Ending.FAILED, gate=Gate.JOURNAL))
        over = await self.over
        await self._close(over)
        return over

    async def _ask(self) -> None:
        order = self.order
        for approver in self._approvers:
            write_approval(self._parts.ledger, order, approver)
        self._write(JournalAction.SESSION_CONSENT_ASKED, detail=self._terms())
        self._show(Activity.ASKED)
        preparing = self._prepare()
        left_s = max(order.answer_by_ms - self._parts.now_ms(), 0) / 1000
        either: set[asyncio.Future[Any]] = {self._consented, self.over}
        try:
            first = asyncio.FIRST_COMPLETED
            await asyncio.wait(either, timeout=left_s, return_when=first)
            if self._weighed:
                await asyncio.wait(either, timeout=_WEIGHED_S, return_when=first)
        finally:
            for task in preparing:
                task.cancel()
        if not self._consented.done() and not self.over.done():
            self._write(
                JournalAction.SESSION_CONSENT_UNANSWERED,
                outcome=Outcome.REFUSED,
                gate=Gate.CONSENT_SILENCE,
            )
            self.finish(Over(ending=Ending.UNANSWERED, gate=Gate.CONSENT_SILENCE))

    def _prepare(self) -> list[asyncio.Task[None]]:
        """Make ready all that can be, while the person reads."""
        self._endpoint = Endpoint(
            self._parts.grant(self.order), _Hooks(self), self._parts.leash, self._parts.stage
        )
        self._legs = self._make_legs()
        if self.order.joins is None:
            self._parts.stage.helm.follow(self._show_again)
        loop = asyncio.get_running_loop()
        return [
            loop.create_task(self._legs.prepare()),
            loop.create_task(self._parts.credential.warm()),
        ]

    def _make_legs(self) -> Legs:
        return Legs(
            self.order.session,
            self.order.proof_seed,
            self._parts.way,
            LegEvents(
                opened=self._leg_opened,
                lost=self._relay_lost,
                refused=self._leg_refused,
                spent=self._legs_spent,
            ),
        )

    async def _serve(self) -> None:
        self._code = f"{secrets.randbelow(1_000_000):06d}" if self._legs is not None else ""
        self._since_ms = self._parts.now_ms()
        self._alone_since = self._moved = time.monotonic()
        self._show(Activity.CONNECTING)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._watch_limits())]
            if self._legs is not None:
                running.append(tasks.create_task(self._legs.run()))
            await asyncio.wait({self.over})
            for task in running:
                task.cancel()

    async def _leg_opened(self, number: int, leg: OpenLeg) -> None:
        assert self._endpoint is not None
        self._write(JournalAction.SESSION_TUNNEL_OPENED, detail={"leg": number})
        visit = self._endpoint.serve(leg.transport, leg.received)
        watcher = asyncio.get_running_loop().create_task(visit.closed())
        self._watchers.add(watcher)
        watcher.add_done_callback(lambda _: self._leg_closed(watcher, number, visit))

    def _leg_closed(self, watcher: asyncio.Task[None], number: int, visit: Visit) -> None:
        self._watchers.discard(watcher)
        if self._legs is not None:
            self._legs.streamed(spoke_ssh=visit.spoke_ssh)
        self._end_if_spent()
        if not self._watchers:
            self._alone_since = time.monotonic()
        if self.over.done():
            return
        try:
            self._write(JournalAction.SESSION_TUNNEL_CLOSED, detail={"leg": number})
        except JournalError:
            self.finish(Over(ending=Ending.FAILED, gate=Gate.JOURNAL))

    def _legs_spent(self) -> None:
        self._spent = True
        self._end_if_spent()

    def _end_if_spent(self) -> None:
        # Whoever is connected stays; nobody can come any more.
        if self._spent and not self._watchers:
            self.finish(Over(ending=Ending.FAILED, gate=Gate.LIMIT))

    def _relay_lost(self, why: str) -> None:
        self.finish(Over(ending=Ending.RELAY_LOST, detail={"reason_code": why}))

    def _leg_refused(self, gate: Gate) -> None:
        with contextlib.suppress(JournalError):
            self._write(JournalAction.SESSION_TUNNEL_REFUSED, outcome=Outcome.REFUSED, gate=gate)
        # The relay knows the session no more: the console's own word for why may be on its way,
        # but no word reaches a device that is cut off.
        ending = Ending.REVOKED if gate in CUT_OFF else Ending.FAILED
        loop = asyncio.get_running_loop()
        loop.call_later(2.0, self.finish, Over(ending=ending, gate=gate))

    async def _watch_limits(self) -> None:
        """Absolute and idle limit (R5), the site's own say, and partners that never came."""
        while True:
            await asyncio.sleep(0.5)
            now, now_ms = time.monotonic(), self._parts.now_ms()
            if now_ms >= self._until_ms or now >= self._deadline:
                self.finish(self._at_its_end)
            elif (gate := ending_gate(self.order, self._parts.site(), now_ms)) is not None:
                self.finish(Over(ending=Ending.SITE_TERMINATED, gate=gate))
            elif self._live and now - self._moved >= self.order.idle_s:
                self.finish(Over(ending=Ending.IDLE))
            elif (
                not self._live and now - self._alone_since >= CONNECT_LIMIT_S and not self._watchers
            ):
                self.finish(Over(ending=Ending.PARTNER_LOST))

    async def _close(self, over: Over) -> None:
        left, detail = 0, dict(over.detail)
        if self._legs is not None:
            self._legs.close()
        if self._endpoint is not None:
            left = await self._endpoint.end()
        if self._endpoint is not None and self._consented.done():
            activity = self._endpoint.activity
            detail |= {"bytes_sent": activity.sent, "bytes_received": activity.received}
        if left:
            detail["processes_left"] = left
        self._parts.ledger.write_ending(
            self.order.session,
            over.ending,
            case=self.order.case,
            gate=over.gate,
            actor=over.actor,
            detail=detail,
        )
        if self._live and self.order.mode is Mode.CONTROL:
            self._parts.require_verification(self._verification())
        self._parts.show({"activity": Activity.IDLE})
        self._parts.news()

    # ---- what the SSH end point tells ----

    def went_live(self) -> None:
        """Somebody passed both authentications; the first time, the session is live.

        Both entries are on the disk together; raises JournalError, and ends the session then.
        """
        self._moved = time.monotonic()
        passed = self._deed(JournalAction.SESSION_AUTHENTICATION_SUCCEEDED, {})
        if self._live:
            self._append(passed)
        else:
            self._go_live(passed)

    def _go_live(self, before: Deed) -> None:
        terms = {**self._terms(), "runs_as": self._parts.runs_as(self.order.access)}
        self._append(before, self._deed(JournalAction.SESSION_LIFE_LIVE, terms))
        self._live = True
        if self.order.mode is Mode.CONTROL:
            # Before the first key is pressed: a crash must not forget it (R11).
            self._parts.require_verification(self._verification())
        self._show(self._live_activity())

    def moved(self) -> None:
        """Bytes moved: the session is not idle."""
        self._moved = time.monotonic()
        if self._seat is Seat.JOINED:
            self._parts.stage.helm.moved()

    def does(self, text: str, *, may_change: bool) -> None:
        """Show what the specialist does now; keep what may change the device for who verifies it.

        A command may hold whatever its author typed; a screen and a status show letters.
        """
        self._doing = short(text)
        if may_change:
            self.note_change(text)
            if self._seat is Seat.JOINED:
                self._parts.stage.helm.did(text)
        self._show_again()

    def note_change(self, text: str) -> None:
        """Keep for whoever verifies the device what was done."""
        shown = short(text)
        if shown and len(self._changes) < _MAX_CHANGES and shown not in self._changes:
            self._changes.append(shown)

    def code_matches(self, text: str) -> bool:
        """Whether `text` is the code that the panel shows."""
        return bool(self._code) and compare_digest(text.encode(), self._code.encode())

    async def credential_matches(self, text: str) -> bool:
        """Whether `text` is the device's credential for whoever this order is for."""
        return await self._parts.credential.check(text, self._parts.now_ms())

    def write(
        self,
        action: JournalAction,
        *,
        outcome: Outcome,
        gate: Gate | None,
        thing: Thing | None,
        detail: Mapping[str, DetailValue],
    ) -> None:
        """Write an entry of the specialist's act; raises JournalError, and ends the session then."""
        try:
            self._write(action, outcome=outcome, gate=gate, thing=thing, detail=detail)
        except JournalError:
            self.finish(Over(ending=Ending.FAILED, gate=Gate.JOURNAL))
            raise

    # ---- inside ----

    def _write(
        self,
        action: JournalAction,
        *,
        outcome: Outcome = Outcome.SUCCESS,
        gate: Gate | None = None,
        thing: Thing | None = None,
        actor: Actor | None = None,
        detail: Mapping[str, DetailValue] | None = None,
    ) -> None:
        self._parts.ledger.write(
            action,
            outcome=outcome,
            gate=gate,
            object=thing or Thing("session", self.order.session),
            session=self.order.session,
            case=self.order.case,
            actor=actor or self.specialist,
            detail=detail,
        )
        self._parts.news_soon()

    def _deed(self, action: JournalAction, detail: Mapping[str, DetailValue]) -> Deed:
        return Deed(
            actor=self.specialist,
            action=action,
            object=Thing("session", self.order.session),
            session=self.order.session,
            case=self.order.case,
            detail=detail,
        )

    def _append(self, *deeds: Deed) -> None:
        try:
            self._parts.ledger.journal.append(*deeds)
        except JournalError:
            self.finish(Over(ending=Ending.FAILED, gate=Gate.JOURNAL))
            raise
        self._parts.news_soon()

    def _terms(self) -> dict[str, DetailValue]:
        return {"access": str(self.order.access), "mode": str(self.order.mode)}

    def _live_activity(self) -> Activity:
        controls = self.order.mode is Mode.CONTROL and self._parts.stage.helm.holder is self._seat
        return Activity.CONTROLLING if controls else Activity.VIEWING

    def _show_again(self) -> None:
        if self.consented and not self.over.done():
            self._show(self._live_activity() if self._live else Activity.CONNECTING)

    def _verification(self) -> Verification:
        return Verification(
            session=self.order.session,
            person=self.order.person.name,
            at_ms=self._parts.now_ms(),
            changes=tuple(self._changes),
        )

    def _longest_s(self) -> int:
        """How long it can last if it is allowed now."""
        now_ms = self._parts.now_ms()
        closes = closes_ms(self.order, self._parts.site(), now_ms)
        left_s = self.order.duration_s if closes is None else (closes - now_ms) // 1000
        return max(0, min(left_s, self.order.duration_s))

    def _show(self, activity: Activity) -> None:
        order = self.order
        asked = open_session = None
        if activity is Activity.ASKED:
            asked = AskedRequest(
                session=order.session,
                person=order.person,
                access=order.access,
                mode=order.mode,
                reason=order.reason,
                case=order.case,
                ticket=order.ticket,
                duration_s=self._longest_s(),
                answer_by_ms=order.answer_by_ms,
                joins=order.joins,
                actions=order.actions,
                approved_by=tuple(approver.name for approver in self._approvers),
                break_glass=order.break_glass,
            ).to_dict()
        else:
            open_session = OpenSession(
                session=order.session,
                person=order.person,
                access=order.access,
                mode=order.mode,
                since_ms=self._since_ms,
                until_ms=self._until_ms,
                doing=self._doing,
                break_glass=order.break_glass,
            ).to_dict()
        # The code stays until the first connection is in, and is of no use without the credential.
        code = self._code if activity is not Activity.ASKED else None
        self._parts.show(
            {
                "activity": activity,
                "request": asked,
                "session": open_session,
                "presence_code": code or None,
                "host_key": self._endpoint.host_key if code and self._endpoint else None,
            }
        )


def _seat_of(order: SessionOrder) -> Seat:
    if order.of_site:
        return Seat.SITE
    return Seat.STARTED if order.joins is None else Seat.JOINED


class _Hooks:
    """What the SSH end point asks of its session (`bedside.agent.ssh.grant.SessionHooks`)."""

    def __init__(self, session: ServiceSession) -> None:
        self._session = session

    async def check_support_credential(self, text: str) -> bool:
        return await self._session.credential_matches(text)

    async def check_presence_code(self, text: str) -> bool:
        return self._session.code_matches(text)

    async def record(
        self,
        action: JournalAction,
        *,
        outcome: Outcome = Outcome.SUCCESS,
        gate: Gate | None = None,
        object: Thing | None = None,  # noqa: A002 - the journal's own word
        detail: Mapping[str, DetailValue] | None = None,
    ) -> None:
        self._session.write(action, outcome=outcome, gate=gate, thing=object, detail=detail or {})

    def doing(self, text: str, *, may_change: bool) -> None:
        self._session.does(text, may_change=may_change)

    def authenticated(self) -> None:
        self._session.went_live()

    def session_bytes(self, count: int) -> None:
        del count
        self._session.moved()

    def refused(self, gate: Gate) -> None:
        self._session.finish(Over(ending=Ending.REFUSED, gate=gate))
