"""The relay as one object: built in one place, driven by one event loop.

It holds sealed messages and carries encrypted streams; it has no key to either.
"""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Mapping
from random import Random
from typing import Any

from bedside.language import N_
from bedside.language.config_error import ConfigError, file_error
from bedside.protocol.batch import Draining, RelayEvent
from bedside.protocol.feed import (
    DeviceRefused,
    DeviceRestored,
    Event,
    FeedReply,
    LoneMessage,
    MessageOffered,
    MessageWithdrawn,
    Revoked,
    TunnelEnded,
    TunnelOffered,
)
from bedside.protocol.http import HttpLimits
from bedside.relay.clock import wall_ms
from bedside.relay.config import Address, RelayConfig, listen_error
from bedside.relay.connection import HttpConnection, refusal
from bedside.relay.console_client import HttpClient
from bedside.relay.console_link import ConsoleLink
from bedside.relay.driver import Door
from bedside.relay.est import EstForwarder
from bedside.relay.extras import Extras
from bedside.relay.guard import Guard
from bedside.relay.link import Link
from bedside.relay.log import Log
from bedside.relay.owed import Owed
from bedside.relay.pairing import CloseReason, Pairing
from bedside.relay.polls import Polls
from bedside.relay.rehearsal import Rehearsal
from bedside.relay.routes import EnrolmentRoutes, PeerRoutes
from bedside.relay.shown import read_shown
from bedside.relay.siblings import Siblings
from bedside.relay.spool_files import SpoolTakenError
from bedside.relay.tunnels import Tunnels
from bedside.vocabulary import Gate

__all__ = ["Relay", "run"]

_REPORT_BODY = HttpLimits(body=260 * 1024)
_ENROLMENT_BODY = HttpLimits(body=8 * 1024)
_REFUSES = (Revoked, DeviceRefused)
_DRAIN_LOOK_S = 0.1
_HOLDS_A_TURN = 4
_MANY_HOLDS = 32
_BREATH_S = 0.001
_SWITCH_S = 0.000_5


class Relay:
    """One relay process: everything that is shared by its connections."""

    def __init__(self, config: RelayConfig, log: Log) -> None:
        self._shown = read_shown(config)
        limits = config.limits
        random = Random()  # noqa: S311  # spreads moments in time; nothing is kept secret by it
        self.log = log
        self.config = config
        self._times = limits.http()
        self.drain_ends_ms: int | None = None
        """When a drain that has begun ends at the latest."""
        self._runs_out = False
        self._ending = False
        """Whether more holds are to end once others had their turn."""
        self.owed = Owed(limits.spool(), config.spool, log=log, news=self._owes)
        self.spool = self.owed.spool
        self.polls = Polls(limits.polls(), random, now_ms=wall_ms())
        self.pairing = self._make_pairing()
        self.guard = Guard(
            connections_per_device=limits.connections_per_device_count,
            clock=wall_ms,
            refused=self.polls.refused,
            tell=self.tell,
        )
        self.door = Door(
            self._shown.admissions,
            limits.door(),
            welcome=self._welcome,
            gone=self.guard.left,
            refusal=self._refused_handshake,
            abuse=self._bar,
            siblings=_siblings(config),
        )
        self.tunnels = self._make_tunnels()

        def client() -> HttpClient:
            return HttpClient(config.console, lambda: self._shown.identity, self.door)

        self.console = ConsoleLink(
            config.name,
            client,
            self.owed,
            hand_on=self.hand_on,
            apply=self.apply,
            log=log,
            times=limits.link(),
            random=random,
        )
        self._est = EstForwarder(
            client, now_ms=self.door.now_ms, answer_ms=limits.console_answer_ms
        )
        self._rehearsal = Rehearsal(
            self.door,
            limits.polls(),
            contexts=lambda: self._shown.mirror,
            every_ms=limits.rehearse_ms,
            held=lambda: 0 if self.polls.draining else self.polls.held,
            log=log,
        )
        self._peers = self._make_routes(self._est)
        self._enrolling = EnrolmentRoutes(self._est)

    # The parts that a test's hostile relay replaces.

    def _make_pairing(self) -> Pairing:
        return Pairing(self.config.limits.pairing())

    def _make_tunnels(self) -> Tunnels:
        return Tunnels(
            self.door, self.pairing, clock=wall_ms, tell=self.tell, refused=self.guard.note
        )

    def _make_routes(self, enrolment: EstForwarder) -> PeerRoutes:
        return PeerRoutes(
            self.polls,
            self.tunnels,
            guard=self.guard,
            owed=self.owed,
            enrolment=enrolment,
            clock=wall_ms,
            tell=self.tell,
        )

    # ---- what the console says ----

    def apply(self, reply: FeedReply) -> None:
        """Take in news; after a snapshot nothing else is valid, and who polls is told anew."""
        now = wall_ms()
        if reply.snapshot:
            self._forget_what_is_not_in(reply)
            self.polls.tell_anew()
        for event in reply.events:
            self._apply_one(event, now)
        # To look at every connection takes a fleet's time: only when somebody may be refused now, and
        # in a quiet moment for those whose certificates have run out.
        if not reply.events or reply.snapshot or any(isinstance(e, _REFUSES) for e in reply.events):
            for link in self.guard.to_close(self.door.links):
                self._close_refused(link)

    def hand_on(self, lone: LoneMessage) -> None:
        """Take in a message that came alone: it is on its way before it is booked (polls, rule 9)."""
        now, sent_to = wall_ms(), None
        answer = self.polls.hand_on(lone, now)
        if answer is not None:
            self._peers.answer(answer)
            sent_to = answer.key
        self._peers.execute(self.polls.offer(lone.offered, now, sent_to=sent_to))

    def _apply_one(self, event: Event, now: int) -> None:
        match event:
            case MessageOffered():
                self._peers.execute(self.polls.offer(event, now))
            case MessageWithdrawn():
                self.polls.withdraw(event.device, event.id)
            case TunnelOffered():
                self.tunnels.execute(self.pairing.offer(event, now))
            case TunnelEnded():
                self.tunnels.execute(self.pairing.end(event.session, now))
                self.log("session_ended", session=event.session, ending=event.ending)
            case Revoked():
                self.guard.revoked.update(event.serials)
                self.log("certificates_revoked", count=len(event.serials))
            case DeviceRefused():
                self._peers.execute(self.polls.refuse(event.device, event.gate))
                self.log("device_refused", device=event.device, gate=event.gate)
            case DeviceRestored():
                self.polls.restore(event.device)

    def _forget_what_is_not_in(self, reply: FeedReply) -> None:
        events = reply.events
        messages = {(e.device, e.id) for e in events if isinstance(e, MessageOffered)}
        for device, message in self.polls.waiting():
            if (device, message) not in messages:
                self.polls.withdraw(device, message)
        sessions = {e.session for e in events if isinstance(e, TunnelOffered)}
        for session in self.pairing.known() - sessions:
            self.tunnels.execute(self.pairing.end(session, wall_ms()))
        refused = {e.device for e in events if isinstance(e, DeviceRefused)}
        for device in self.polls.all_refused() - refused:
            self.polls.restore(device)
        self.guard.revoked.clear()

    def _bar(self, abuser: Link) -> None:
        """Close whatever the abuser has, and let nobody of its name in for a while."""
        if abuser.peer is None or abuser.peer.name is None:
            return
        self.guard.bar(abuser, self.config.limits.refused_retry_ms)
        name = abuser.peer.name
        same = [each for each in self.door.links if each.peer and each.peer.name == name]
        for link in same:
            if link is not abuser:
                self._close_refused(link)

    def _close_refused(self, link: Link) -> None:
        gate = self.guard.gate(link.peer, wall_ms()) if link.peer else None
        self.guard.note(link, gate or Gate.CERTIFICATE)
        handler = link.handler
        if isinstance(handler, HttpConnection):
            handler.ended()
            handler.refuse(403, gate or Gate.CERTIFICATE, self.polls.refused_retry())
        else:
            self.tunnels.close_link(link, CloseReason.REVOKED)
            handler.ended()
            link.abort()

    # ---- what the console is told ----

    def tell(self, event: RelayEvent) -> None:
        """Owe the console an event."""
        self.owed.add(event)

    def _owes(self) -> None:
        self.console.owes()

    # ---- connections ----

    def _welcome(self, link: Link) -> None:
        if link.peer is None or link.peer.name is None:
            self._serve(link, self._enrolling, _ENROLMENT_BODY)
            return
        gate = self.guard.admits(link)
        if gate is None:
            self._serve(link, self._peers, _REPORT_BODY)
            return
        self.guard.note(link, gate)
        status = 429 if gate is Gate.LIMIT else 403
        link.write(refusal(status, gate, self.polls.refused_retry()))
        link.close()

    def _serve(self, link: Link, routes: PeerRoutes | EnrolmentRoutes, limits: HttpLimits) -> None:
        link.handler = HttpConnection(link, self.door, routes, limits=limits, times=self._times)

    def _refused_handshake(self, address: str, error: OSError) -> None:
        reason = getattr(error, "verify_message", None) or getattr(error, "reason", None)
        if reason is not None and address:
            self.guard.note_address(address, Gate.CERTIFICATE)
            self.log("handshake_refused", address=address, reason=str(reason))

    @property
    def polls_answered(self) -> int:
        """Polls answered since the start."""
        return self._peers.polls_answered

    @property
    def rehearsals(self) -> int:
        """Orders that it played to itself since the start."""
        return self._rehearsal.played

    # ---- life ----

    def reload(self) -> None:
        """Read certificate, key and CA anew: new handshakes use them, no connection is dropped.

        Files that cannot serve are refused with a line in the log, and the old ones stay.
        """
        try:
            shown = read_shown(self.config)
        except (ConfigError, OSError, ValueError) as error:
            self.log("reload_refused", level="error", error=str(error))
            return
        self._shown = shown
        self.door.admit_by(shown.admissions)
        self.log("reloaded")
        if self._runs_out and wall_ms() < self._last_ms():
            self._runs_out = False
            if self.drain_ends_ms is None:
                self.polls.stay()

    @property
    def certificate_ends_ms(self) -> int:
        """When the certificate that is shown runs out (Unix milliseconds)."""
        return self._shown.ends_ms

    def _tick(self) -> None:
        now = wall_ms()
        if not self._runs_out and now >= self._last_ms():
            self._run_out(now)
        self._end_holds()
        self.tunnels.tick()

    def _end_holds(self) -> None:
        """Answer one whose hold is over, or a few where many wait: an order goes before the others."""
        most = _HOLDS_A_TURN if self.polls.behind > _MANY_HOLDS else 1
        self._peers.execute(self.polls.tick(wall_ms(), most=most))
        behind = self.polls.behind
        if behind and not self._ending:
            self._ending = True
            # They are spread over the tick: whoever shares this core has it in between.
            self.door.loop.call_later(_BREATH_S if behind < _MANY_HOLDS else 0, self._end_more)

    def _end_more(self) -> None:
        self._ending = False
        if not self.door.catches_up():
            self._end_holds()

    def _last_ms(self) -> int:
        """When devices must begin to leave, so that none finds a certificate that has run out."""
        limits = self.config.limits
        return self._shown.ends_ms - max(limits.lost_ms, limits.longest_interval_ms)

    def _run_out(self, now: int) -> None:
        """Soon no device can dial anew: an order that its open poll brought could not be followed."""
        self._runs_out = True
        file, ends_ms = str(self.config.certificate), self._shown.ends_ms
        self.log("certificate_runs_out", level="error", file=file, ends_ms=ends_ms)
        if self.drain_ends_ms is None:
            self.polls.drain(now, self.config.limits.lost_ms)

    def open(self) -> list[tuple[str, int]]:
        """Listen and serve; returns the addresses as bound. Raises ConfigError."""
        self._open_spool()
        bound = [self._listen(each) for each in self.config.listen]
        try:
            self.door.start(self._tick)
        except OSError as error:
            raise file_error(error, "siblings.folder") from error
        # What exists now lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        for host, port in bound:
            self.log("listening", host=host, port=port)
        return bound

    def _open_spool(self) -> None:
        try:
            self.owed.open()
        except SpoolTakenError:
            text = N_("spool: another process uses the folder {folder}")
            raise ConfigError(text, folder=self.config.spool) from None
        if self.owed:
            self.console.owes()

    def _listen(self, address: Address) -> tuple[str, int]:
        try:
            return self.door.listen(address.host, address.port)
        except OSError as error:
            raise listen_error(address, error) from error

    async def serve(self, stopping: asyncio.Event, *, hurry: asyncio.Event | None = None) -> None:
        """Follow the console and serve until `stopping` is set, then close.

        With `hurry` it drains before that, until nobody is left here, or until that is set too.
        """
        async with asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(self.console.follow_feed()),
                tasks.create_task(self.console.post_batches()),
            ]
            if self.config.limits.rehearse_ms:
                loops.append(tasks.create_task(self._rehearsal.run()))
            await stopping.wait()
            if hurry is not None:
                await self.drain(hurry)
            for each in loops:
                each.cancel()
        await self._close()

    async def drain(self, hurry: asyncio.Event) -> None:
        """Send devices away and let what is live end, for `drain_ms` at most or until `hurry`."""
        limits = self.config.limits
        if not limits.drain_ms or hurry.is_set():
            return
        now = wall_ms()
        span_ms = min(limits.lost_ms, limits.drain_ms // 2)
        self.drain_ends_ms = now + limits.drain_ms
        self.tell(Draining(at_ms=now, until_ms=self.drain_ends_ms))
        self.pairing.drain()
        self.polls.drain(now, span_ms)
        self.log("draining", limit_ms=limits.drain_ms, span_ms=span_ms, **self._left())
        while wall_ms() < self.drain_ends_ms and not hurry.is_set():
            left = self._left()
            if not any(left.values()) or self._may_go(left, wall_ms() - now, span_ms):
                break
            await self._look_again(hurry)
        await self._let_the_last_in(hurry)
        self.log("drained", **self._left())

    async def _let_the_last_in(self, hurry: asyncio.Event) -> None:
        """Let nobody more come, and serve who is on the way in: no longer than a handshake may take."""
        until_ms = min(wall_ms() + self.config.limits.handshake_ms, self.drain_ends_ms or 0)
        if wall_ms() < until_ms and not hurry.is_set():
            self.door.empty_queues()
        self.door.close_listeners()
        while self._arriving and wall_ms() < until_ms and not hurry.is_set():
            await self._look_again(hurry)

    async def _look_again(self, hurry: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_LOOK_S):
                await hurry.wait()

    @property
    def _arriving(self) -> int:
        """How many have come and were not heard yet."""
        handlers = (link.handler for link in self.door.links)
        silent = sum(isinstance(each, HttpConnection) and not each.has_asked for each in handlers)
        return self.door.arriving + silent

    def _may_go(self, left: Mapping[str, int], passed_ms: int, span_ms: int) -> bool:
        """Whether nobody needs this relay, though devices are expected: they had time to come."""
        if passed_ms <= span_ms or _binds(left):
            return False
        longest_ms = self.config.limits.longest_interval_ms
        return passed_ms > longest_ms or not self.polls.waits_for_intervals

    def _left(self) -> dict[str, Any]:
        pairs = self.pairing.counts
        return {
            "devices": self.polls.untold,
            "polls": self.polls.counts["held"],
            "tunnels": pairs["active"],
            "legs": pairs["waiting"],
        }

    async def _close(self) -> None:
        """Stop: no new connections, tunnels closed, what is owed posted, then everything closed."""
        self.door.close_listeners()
        self.tunnels.stop()
        flushed = await self.console.flush(self.config.limits.stop_ms / 1000)
        self._est.close()
        self.door.close()
        await self.owed.close()
        self.log("stopped", flushed=flushed, owed=len(self.owed))


def _binds(left: Mapping[str, int]) -> bool:
    """Whether anything here still needs this relay; a device that is merely expected does not."""
    return any(count for what, count in left.items() if what != "devices")


def _siblings(config: RelayConfig) -> Siblings | None:
    if config.siblings is None:
        return None
    return Siblings(config.siblings.folder, config.siblings.names, config.server_name)


async def run(config: RelayConfig, log: Log) -> None:
    """Serve until SIGTERM and drain, or until SIGINT or a second SIGTERM.

    SIGHUP reads certificate, key and CA anew. Raises ConfigError or OSError when the relay cannot
    start.
    """
    # The spool's thread keeps everybody waiting for as long, each time that it has something to do.
    sys.setswitchinterval(_SWITCH_S)
    loop = asyncio.get_running_loop()
    stopping, hurry = asyncio.Event(), asyncio.Event()

    def terminate() -> None:
        (hurry if stopping.is_set() else stopping).set()

    def interrupt() -> None:
        hurry.set()
        stopping.set()

    loop.add_signal_handler(signal.SIGTERM, terminate)
    loop.add_signal_handler(signal.SIGINT, interrupt)
    relay = Relay(config, log)
    loop.add_signal_handler(signal.SIGHUP, relay.reload)
    relay.open()
    extras = Extras(relay)
    await extras.open()
    try:
        await relay.serve(stopping, hurry=hurry)
    finally:
        extras.close()
