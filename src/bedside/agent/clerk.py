"""Takes the supervisor's messages one by one: opens, asks the gates, starts what may start.

An order becomes a session only here; a session lives in `session.ServiceSession`.
"""

import asyncio
import ssl
from binascii import a2b_base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bedside.agent.config import AgentConfig
from bedside.agent.credential import SupportCredential
from bedside.agent.documents import Opened, Opener, OpeningError
from bedside.agent.files import write_json
from bedside.agent.identity import Settings, load_identity, load_settings
from bedside.agent.joins import Joins, Showing
from bedside.agent.journal import JournalError
from bedside.agent.ledger import Ledger
from bedside.agent.legs import Way
from bedside.agent.moment import wall_ms
from bedside.agent.plan import DeviceFacts, Verdict, check_order
from bedside.agent.renewal import renew
from bedside.agent.reports import Reporter
from bedside.agent.safe_state import SafeStateWatch
from bedside.agent.seen import SeenOrders
from bedside.agent.session import Over, ServiceSession, SessionParts
from bedside.agent.site.book import SiteBook, SitePolicyError
from bedside.agent.site.entries import write_policy_applied
from bedside.agent.site.plan import SiteFacts
from bedside.agent.site.state import SiteFiles
from bedside.agent.ssh.children import Leash
from bedside.agent.ssh.grant import SessionGrant
from bedside.agent.ssh.stage import Stage
from bedside.audit.chain import ChainHead
from bedside.audit.entry import Actor, ActorKind, DetailValue, Thing, short
from bedside.audit.witness import Witnessed, witnessed_deed
from bedside.language import country_name
from bedside.pki.device_keys import load_device_keys
from bedside.pki.signing import key_id, load_public_key
from bedside.protocol.codec import Fields
from bedside.protocol.local import Verification
from bedside.protocol.orders import DeviceConfiguration, Receipt, SessionOrder, Withdrawal
from bedside.protocol.profile import parse_profile
from bedside.protocol.shapes import Relay
from bedside.vocabulary import (
    AccessKind,
    Ending,
    Gate,
    JournalAction,
    MessageKind,
    Outcome,
    SessionId,
)

__all__ = ["Clerk"]

_REFUSED = {
    MessageKind.CONFIGURATION: JournalAction.CONFIGURATION_DOCUMENT_REFUSED,
    MessageKind.SITE_POLICY: JournalAction.SITE_POLICY_REFUSED,
}


class Clerk:
    """The worker's desk.

    Args:
        config: the agent's configuration.
        leash: starts a session's commands, and ends them.
        tell: says something to the supervisor.
        touched: called when something happened, so that the worker does not leave yet.
    """

    def __init__(
        self,
        config: AgentConfig,
        leash: Leash,
        *,
        tell: Callable[[dict[str, Any]], None],
        touched: Callable[[], None],
    ) -> None:
        self._config = config
        self._leash = leash
        self._tell = tell
        self._touched = touched
        self._identity = load_identity(config.identity_dir)
        self._profile = parse_profile(config.profile.read_bytes())
        self._ledger = Ledger(config.journal_dir, self._identity.device)
        self._seen = SeenOrders(config.state_dir / "seen")
        self._credential = SupportCredential(config.state_dir / "support.json")
        self._site_credential = SupportCredential(config.state_dir / "site-credential.json")
        self._site = SiteBook(SiteFiles(config))
        self._keys = load_device_keys(self._identity.current.folder)
        trust = self._identity.trust
        order_keys = [load_public_key(pem) for pem in trust["order_keys"]]
        self._opener = Opener(
            self._identity.device,
            [self._keys.sealing],
            {key_id(key): key for key in order_keys},
        )
        self._reporter = Reporter(
            self._identity.device,
            self._ledger.journal,
            signer=self._keys.signer,
            report_key=load_public_key(trust["report_key"]),
            relays=lambda: self._relays,
            context=self._context,
            proxy=config.proxy,
            now_ms=wall_ms,
        )
        self._relays = self._settings.relays
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._watch = SafeStateWatch(self._profile.safe_state)
        self._showing = Showing(lambda board: self._tell({"do": "show", "board": board}))
        self._session: ServiceSession | None = None
        self._joins = Joins()
        self._session_task: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._working = False
        self._renewal: asyncio.Task[None] | None = None
        self._tasks = asyncio.TaskGroup()
        self.ready = asyncio.Event()
        """Set when `obey` may be called."""

    @property
    def busy(self) -> bool:
        """Whether something is under way that must not be left."""
        return not self.waits_for_receipt_only or not self._reporter.quiet.is_set()

    @property
    def waits_for_receipt_only(self) -> bool:
        """Whether nothing is left but news that no relay takes: the supervisor comes back to it."""
        under_way = self._working or self._session_task or self._renewal
        return not under_way and self._queue.empty()

    def obey(self, told: dict[str, Any]) -> None:
        """Take what the supervisor says; what can wait is done in `run`, in order."""
        match told["do"]:
            case "accept" | "refuse":
                self._tasks.create_task(self._answer(told))
            case "stop":
                self._stop(told)
            case "news":
                self._reporter.tell()
            case "sync":
                self._reporter.again()
            case "renew":
                # By itself: it keeps the relays' pace, and no order waits for that.
                self._renewal = self._tasks.create_task(self._renew())
            case _:
                self._queue.put_nowait(told)

    async def run(self) -> None:
        """Do what was told, in order, until cancelled.

        An error that nobody expected, in a session too, ends the worker: its leash ends what runs,
        the supervisor writes the ending.
        """
        async with self._tasks:
            self._tasks.create_task(self._reporter.run())
            self.ready.set()
            while True:
                told = await self._queue.get()
                self._working = True
                try:
                    await self._deal_with(told)
                finally:
                    self._working = False
                    self._touched()

    async def _renew(self) -> None:
        try:
            if await renew(self._identity, self._config):
                self._tell({"do": "renewed"})
        finally:
            self._renewal = None
            self._touched()

    async def leave(self) -> None:
        """End what is open because the agent stops."""
        if self._session is not None:
            self._session.finish(Over(ending=Ending.DEVICE_LOST))
        if self._session_task is not None:
            await asyncio.wait({self._session_task})

    # ---- messages ----

    async def _deal_with(self, told: dict[str, Any]) -> None:
        kind = MessageKind(told["kind"])
        sealed = a2b_base64(told["sealed"])
        try:
            if kind is MessageKind.SITE_POLICY:
                self._adopt(self._opener.unseal(sealed))
            else:
                opened = self._opener.open(kind, sealed)
                relay = Relay.from_fields(Fields(told["relay"]))
                await self._apply(opened, relay, int(told["port"]))
        except OpeningError as error:
            self._refuse_document(kind, error.gate, str(told["id"]))
        except SitePolicyError as error:
            self._refuse_document(kind, error.gate, str(told["id"]), code=error.code)
        self._tell({"do": "handled", "id": told["id"]})

    async def _apply(self, opened: Opened, relay: Relay, port: int) -> None:
        self._relays = (relay, *(one for one in self._settings.relays if one.name != relay.name))
        match opened.document:
            case SessionOrder() as order:
                await self._consider(order, opened.digest, self._way(relay, port))
            case Withdrawal() as withdrawal:
                self._withdraw(withdrawal)
            case Receipt() as receipt:
                self._acknowledge(receipt)
            case DeviceConfiguration() as configuration:
                self._configure(configuration, opened)

    def _refuse_document(
        self, kind: MessageKind, gate: Gate, message: str, *, code: str = ""
    ) -> None:
        action = _REFUSED.get(kind, JournalAction.ORDER_DOCUMENT_REFUSED)
        if self._ledger.has_told_enough(action, kind, wall_ms()):
            return
        detail = {"kind": str(kind), "message": short(message, 40)}
        if code:
            detail["reason_code"] = code
        self._ledger.write(action, outcome=Outcome.REFUSED, gate=gate, detail=detail)
        if kind is not MessageKind.RECEIPT:
            # A report would bring the next receipt, which a relay that damages them damages too.
            self._reporter.tell()

    # ---- orders ----

    async def _consider(self, order: SessionOrder, digest: str, way: Way) -> None:
        seen = self._seen.knows(order.session) or self._ledger.knows(order.session)
        verdict, site = await self._gates(order, seen=seen)
        if not verdict.allowed:
            misapplied = verdict.gate is Gate.APPROVAL_SIGNATURE and bool(site.misapplied)
            self._refuse_order(order, verdict, seen=seen, misapplied=misapplied)
            return
        # In this order: killed between the two, the journal still knows the order, and ends it.
        self._write_order(order, JournalAction.ORDER_DOCUMENT_RECEIVED, None)
        self._seen.remember(order.session, _last_ms(order))
        self._seen.forget_old(wall_ms())
        if order.joins is not None:
            assert self._session is not None  # the gate has seen it live
            show = self._showing.control if order.hands_over else self._showing.join
            if order.of_site:
                show = self._showing.watching
            parts = replace(self._parts(way), show=show, credential=self._credential_for(order))
            begin = self._joins.begin_control if order.hands_over else self._joins.begin
            begin(order, digest, parts, self._session, approvers=site.approvers)
            return
        session = ServiceSession(order, digest, self._parts(way), approvers=site.approvers)
        self._session = session
        self._session_task = self._tasks.create_task(self._live(session))

    async def _live(self, session: ServiceSession) -> None:
        watch = self._watching = asyncio.get_running_loop().create_task(self._watch.run())
        warm = asyncio.get_running_loop().create_task(self._warm())
        try:
            await session.run()
            await self._joins.gone()
        finally:
            watch.cancel()
            warm.cancel()
            self._session = self._session_task = None
            self._touched()

    async def _warm(self) -> None:
        # The report's connection is up before the consent that it will carry.
        try:
            await self._reporter.connect()
        except OSError:
            return

    async def _gates(
        self, order: SessionOrder, *, seen: bool, answered_ms: int | None = None
    ) -> tuple[Verdict, SiteFacts]:
        """Ask the gates; again for an answer that was given at `answered_ms`, as of that moment."""
        asked_again = answered_ms is not None
        # Asked first: nothing of the rest may change before the verdict is acted upon.
        safe_state = await (self._watch.fresh() if asked_again else self._watch.now())
        settings, site = self._settings, self._site.facts(order)
        now_ms = wall_ms() if answered_ms is None else answered_ms
        facts = DeviceFacts(
            device=self._identity.device,
            product=self._identity.product,
            access_kinds=self._profile.access_kinds,
            seen=seen,
            locked=settings.locked,
            busy=self._session is not None and not asked_again,
            joinable=self._joins.joinable(self._session, order),
            last_entry_ms=self._ledger.last_entry_ms(),
            journal_writable=self._ledger.is_writable(),
            safe_state=safe_state,
            fingerprint_matches=self._identity.matches_hardware(self._config.hardware_files),
            configured=settings.configured,
            second_authentication_ready=self._credential_for(order).is_ready(now_ms),
            site=site,
        )
        return check_order(order, facts, now_ms), site

    def _refuse_order(
        self, order: SessionOrder, verdict: Verdict, *, seen: bool, misapplied: bool
    ) -> None:
        try:
            owed = self._owes_ending(order.session, seen=seen)
            is_replay = verdict.gate is Gate.ORDER_REPLAYED and not owed
            if is_replay and self._ledger.has_told_enough_replays(wall_ms()):
                return
            refused = JournalAction.ORDER_DOCUMENT_REFUSED
            self._write_order(order, refused, verdict.gate, misapplied=misapplied)
            if owed:
                self._seen.remember(order.session, _last_ms(order))
                self._ledger.write_ending(
                    order.session, Ending.REFUSED, case=order.case, gate=verdict.gate
                )
        except JournalError:
            return
        self._reporter.tell()

    def _owes_ending(self, session: SessionId, *, seen: bool) -> bool:
        """Whether a session that will not open (any more) still needs its one ending.

        A replay ends nothing: its session had, or will have, its own ending. But a worker that was
        killed between two entries may have left one that speaks of a session and does not end it.
        """
        if self._session_of(session) is not None:
            return False
        ended = self._ledger.has_ended(session)
        return not seen if ended is None else not ended

    def _write_order(
        self,
        order: SessionOrder,
        action: JournalAction,
        gate: Gate | None,
        *,
        misapplied: bool = False,
    ) -> None:
        person = order.person
        self._ledger.write(
            action,
            outcome=Outcome.REFUSED if gate else Outcome.SUCCESS,
            gate=gate,
            object=Thing("session", order.session),
            session=order.session,
            case=order.case,
            actor=Actor(ActorKind.PERSON, person.id, person.name),
            detail={
                "person": person.name,
                "employer": person.employer,
                "level": int(person.level or 0),
                "country": person.country,
                "access": str(order.access),
                "mode": str(order.mode),
                "actions": " ".join(order.actions),
                "reason": order.reason,
                "ticket": order.ticket or "",
                "break_glass": order.break_glass,
                "site_policy": order.site_policy,
                "checkpoint": order.checkpoint,
                **({"joins": order.joins} if order.joins else {}),
                **({"approval_of_another_order": True} if misapplied else {}),
            },
        )

    # ---- what the panel says ----

    async def _answer(self, told: dict[str, Any]) -> None:
        session = self._session_of(told["session"])
        if session is None:
            self._reply(told, Gate.DEVICE_STATE)
        elif told["do"] == "refuse":
            session.refuse()
            self._reply(told, None)
        else:
            await self._accept(told, session)

    async def _accept(self, told: dict[str, Any], session: ServiceSession) -> None:
        with session.weighing() as answered_ms:
            refusal = session.too_late(answered_ms)
            if refusal is None:
                refusal = await self._weigh(str(told["name"]), session, answered_ms)
        self._reply(told, refusal)
        if refusal is None and session is self._session and self._watching is not None:
            self._watching.cancel()  # the last question that needs the answer was asked

    async def _weigh(self, name: str, session: ServiceSession, answered_ms: int) -> Gate | None:
        # What stood open when the person was asked may have closed since.
        verdict, _ = await self._gates(session.order, seen=False, answered_ms=answered_ms)
        # Whoever presses twice does not end what the first time opened.
        if not verdict.allowed and session.too_late(answered_ms) is None:
            session.finish(Over(ending=Ending.REFUSED, gate=verdict.gate))
            return verdict.gate
        return session.accept(name, answered_ms=answered_ms)

    def _session_of(self, session: SessionId) -> ServiceSession | None:
        """Return the session, or the join or hand-over beside it, of this id."""
        found = (self._session, *self._joins.sessions)
        return next((one for one in found if one and one.order.session == session), None)

    def _stop(self, told: dict[str, Any]) -> None:
        if self._session is None or self._session_task is None:
            self._reply(told, None)
            return
        operator = Actor(ActorKind.OPERATOR, "operator", "-")
        self._session.finish(Over(ending=Ending.BY_OPERATOR, actor=operator))
        self._session_task.add_done_callback(lambda _: self._reply(told, None))

    def _reply(self, told: dict[str, Any], gate: Gate | None) -> None:
        self._tell({"do": "answer", "answer": told["answer"], "gate": gate})

    # ---- the other documents ----

    def _withdraw(self, withdrawal: Withdrawal) -> None:
        session = withdrawal.session
        owed = self._owes_ending(session, seen=self._seen.knows(session))
        self._ledger.write(
            JournalAction.SESSION_REQUEST_WITHDRAWN,
            object=Thing("session", session),
            session=session,
            gate=withdrawal.gate,
            detail={"ending": str(withdrawal.ending), "by": withdrawal.by},
        )
        if (open_session := self._session_of(session)) is not None:
            detail: dict[str, DetailValue] = {"by": withdrawal.by}
            open_session.finish(Over(ending=withdrawal.ending, gate=withdrawal.gate, detail=detail))
        elif owed:
            # It overtook its order: the order is not asked any more.
            self._seen.remember(session, withdrawal.issued_ms)
            self._ledger.write_ending(session, withdrawal.ending, case=None)
        self._reporter.tell()

    def _acknowledge(self, receipt: Receipt) -> None:
        head = ChainHead(receipt.size, receipt.head)
        try:
            self._reporter.heard(head)
            moved = self._ledger.journal.acknowledge(head)
        except JournalError:
            self._refuse_document(MessageKind.RECEIPT, Gate.JOURNAL, "receipt")
            return
        if moved:
            witnessed = Witnessed(receipt.checkpoint, head)
            self._ledger.journal.append(witnessed_deed(witnessed, actor=self._ledger.device))

    def _configure(self, configuration: DeviceConfiguration, opened: Opened) -> None:
        if configuration.serial <= self._settings.serial:
            return
        # In this order: killed between the two, it comes again, and the journal has it twice.
        self._ledger.write(
            JournalAction.CONFIGURATION_DOCUMENT_APPLIED,
            detail={"serial": configuration.serial, "digest": opened.digest},
        )
        write_json(self._config.state_dir / "configuration.json", configuration.to_dict())
        if configuration.locked and self._session is not None:
            why: dict[str, DetailValue] = {"reason": short(configuration.lock_reason or "")}
            locked = Over(ending=Ending.REVOKED, gate=Gate.DEVICE_LOCKED, detail=why)
            self._session.finish(locked)
        self._tell({"do": "configured"})
        self._reporter.tell()

    def _adopt(self, envelope: bytes) -> None:
        applied = self._site.adopt(
            envelope, lambda policy: write_policy_applied(self._ledger, policy, source="console")
        )
        if applied is not None:
            self._tell({"do": "configured"})
            self._reporter.tell()

    # ---- parts ----

    @property
    def _settings(self) -> Settings:
        return load_settings(self._config.state_dir / "configuration.json", self._identity)

    def _context(self) -> ssl.SSLContext:
        return self._identity.context(self._identity.current, revoked=self._settings.revoked)

    def _way(self, relay: Relay, port: int) -> Way:
        return Way(
            relay=relay,
            port=port,
            proxy=self._config.proxy,
            context=self._identity.context(
                self._identity.current, revoked=self._settings.revoked, tunnel=True
            ),
        )

    def _parts(self, way: Way) -> SessionParts:
        return SessionParts(
            ledger=self._ledger,
            signer=self._keys.signer,
            credential=self._credential,
            way=way,
            leash=self._leash,
            runs_as=self._runs_as,
            grant=self._grant,
            show=self._showing.host,
            require_verification=self._require_verification,
            news=self._reporter.tell,
            news_soon=self._reporter.tell_soon,
            site=self._site.say,
            now_ms=wall_ms,
            stage=Stage(),
        )

    def _runs_as(self, access: AccessKind) -> str:
        return self._config.session_users.words(service=access is AccessKind.SERVICE)

    def _require_verification(self, due: Verification) -> None:
        self._tell({"do": "verify", "due": due.to_dict()})

    def _credential_for(self, order: SessionOrder) -> SupportCredential:
        """Return what is asked of this person: of the site's own the site's, where it has set one."""
        ours = order.of_site and self._site_credential.is_set
        return self._site_credential if ours else self._credential

    def _grant(self, order: SessionOrder) -> SessionGrant:
        return SessionGrant(
            session=order.session,
            device=order.device,
            access=order.access,
            mode=order.mode,
            language=self._settings.site.language,
            user_ca=self._identity.trust["ssh_user_ca"],
            key_fingerprint=order.specialist_key,
            host_key=self._keys.ssh_host.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            host_certificate=self._settings.ssh_host_certificate,
            profile=self._profile,
            actions=frozenset(order.actions),
            watcher=self._watcher(order),
            of_site=order.of_site,
            site_credential=self._credential_for(order) is self._site_credential,
        )

    def _watcher(self, order: SessionOrder) -> str:
        if order.joins is None:
            return ""
        if order.of_site:
            return f"{order.person.name}, {order.person.employer}"
        country = country_name(order.person.country, self._settings.site.language)
        return f"{order.person.name}, {country}"


def _last_ms(order: SessionOrder) -> int:
    """Until when this order, or its approvals under another order of the session, could count."""
    return max(order.answer_by_ms, order.approved_until_ms or 0)
