"""Which two legs belong together: a pure machine, told everything, asked nothing.

Rules (docs/protocol, the tunnel):
1. A session is known by the console's `tunnel` event only, until its `not_after`.
2. A leg's side follows from its certificate: the session's device, or the session's own name.
3. Each leg shows one proof of its side; the relay knows only hashes. A proof is taken while its leg
   waits, used up when the leg is paired, and free again when the leg leaves unpaired.
4. Legs of one session pair first come, first served.
5. An unpaired leg waits for a bounded time; a session for bounded connections, bytes and time.
6. Once it drains, it takes no new session: what it knows goes on, further connections among it.
7. What the console ends, ends at once, and its name is refused afterwards.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import StrEnum

from bedside.protocol.batch import STOPPING, TunnelClosed, TunnelOpened
from bedside.protocol.feed import TunnelOffered
from bedside.protocol.tunnel import MAX_LEGS, TunnelRequest, check_proof
from bedside.relay.wheel import Wheel
from bedside.vocabulary import Gate, SessionId

__all__ = [
    "Budget",
    "CloseReason",
    "Command",
    "End",
    "Leg",
    "Pair",
    "Pairing",
    "PairingLimits",
    "Refuse",
    "Side",
    "Tell",
    "Traffic",
]


class Side(StrEnum):
    """Which end of the session a leg comes from."""

    DEVICE = "device"
    SPECIALIST = "specialist"


class CloseReason(StrEnum):
    """Why a tunnel connection ended: a closed list."""

    BY_DEVICE = "by_device"
    BY_SPECIALIST = "by_specialist"
    BYTES = "bytes"
    ENDED = "ended"
    EXPIRED = "expired"
    IDLE = "idle"
    REVOKED = "revoked"
    STOPPING = STOPPING


@dataclass(frozen=True, slots=True)
class PairingLimits:
    """How long and how much (`relay.config` says the defaults)."""

    unpaired_ms: int = 30_000
    connections: int = MAX_LEGS
    sessions: int = 10_000
    unknown_retry_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that one connection moved, by where they came from."""

    from_device: int
    from_specialist: int

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(
            self.from_device + other.from_device, self.from_specialist + other.from_specialist
        )


class Budget:
    """The bytes that all connections of one session may still move together."""

    __slots__ = ("left",)

    def __init__(self, limit: int) -> None:
        self.left = limit

    def spend(self, count: int) -> bool:
        """Take `count` bytes; False when they are more than is left."""
        self.left -= count
        return self.left >= 0


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg that arrived; `key` is the driver's handle for its connection."""

    key: Hashable
    side: Side
    owner: str
    """The id in its certificate: a device's, or a session's."""


# ---- Commands ----


@dataclass(frozen=True, slots=True)
class Tell:
    """Let the console know."""

    event: TunnelOpened | TunnelClosed


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the leg with an error and close it.

    `late` is whoever comes with right to a session that is over: nobody need hear of it.
    """

    key: Hashable
    status: int
    gate: Gate
    retry_in_ms: int = 0
    late: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Answer both legs 101 and splice them."""

    session: SessionId
    index: int
    device: Hashable
    specialist: Hashable
    budget: Budget
    idle_ms: int


@dataclass(frozen=True, slots=True)
class End:
    """Close the splice of this connection now."""

    session: SessionId
    index: int
    reason: CloseReason


Command = Refuse | Pair | End | Tell


@dataclass(slots=True)
class _Waiting:
    leg: Leg
    proof: int


@dataclass(slots=True)
class _Session:
    terms: TunnelOffered
    budget: Budget
    pending: dict[Side, deque[_Waiting]] = field(
        default_factory=lambda: {side: deque() for side in Side}
    )
    active: set[int] = field(default_factory=set)
    next_index: int = 0
    taken: dict[Side, set[int]] = field(default_factory=lambda: {side: set() for side in Side})

    def proofs(self, side: Side) -> tuple[str, ...]:
        terms = self.terms
        return terms.device_proofs if side is Side.DEVICE else terms.specialist_proofs

    def owns(self, leg: Leg) -> bool:
        """Rule 2."""
        terms = self.terms
        return leg.owner == (terms.device if leg.side is Side.DEVICE else terms.session)


class Pairing:
    """All sessions' tunnels on this relay: pending legs, active connections."""

    def __init__(self, limits: PairingLimits) -> None:
        self._limits = limits
        self._sessions: dict[SessionId, _Session] = {}
        self._over: dict[SessionId, _Session] = {}
        self._waiting: dict[Hashable, tuple[_Session, _Waiting]] = {}
        self._unpaired: Wheel[Hashable] = Wheel()
        self._lifetimes: Wheel[SessionId] = Wheel(1000)
        self._draining = False

    @property
    def counts(self) -> dict[str, int]:
        """Sessions known, legs waiting and connections active now."""
        return {
            "sessions": len(self._sessions),
            "waiting": len(self._waiting),
            "active": sum(len(session.active) for session in self._sessions.values()),
        }

    # ---- from the console ----

    def offer(self, terms: TunnelOffered, now_ms: int) -> list[Command]:
        """Rules 1 and 6; the same event again changes nothing, and nothing revives an ended session."""
        known = terms.session in self._sessions or terms.session in self._over
        full = len(self._sessions) >= self._limits.sessions
        if not (known or full or self._draining) and terms.not_after_ms > now_ms:
            self._sessions[terms.session] = _Session(terms, Budget(terms.max_bytes))
            self._lifetimes.set(terms.session, terms.not_after_ms)
        return []

    def drain(self) -> None:
        """Rule 6, from now on."""
        self._draining = True

    def end(self, session: SessionId, now_ms: int) -> list[Command]:
        """Rule 7: the console ended the session."""
        return self._end(session, CloseReason.ENDED, now_ms)

    def known(self) -> frozenset[SessionId]:
        """The sessions that the relay would pair."""
        return frozenset(self._sessions)

    # ---- from the legs ----

    def arrive(self, leg: Leg, asked: TunnelRequest, now_ms: int) -> list[Command]:
        """A leg asks for its partner: refuse it, let it wait, or pair it (rules 2 to 5)."""
        found = self._sessions.get(asked.session)
        if found is None:
            # The feed may be a moment behind the order: worth another try, unless it is over.
            over = self._over.get(asked.session)
            retry = self._limits.unknown_retry_ms if over is None else 0
            late = over is not None and self._may(over, leg, asked)
            return [Refuse(leg.key, 403, Gate.TUNNEL_PROOF, retry, late)]
        if not self._may(found, leg, asked):
            return [Refuse(leg.key, 403, Gate.TUNNEL_PROOF)]
        if found.next_index >= self._limits.connections:
            return [Refuse(leg.key, 403, Gate.LIMIT)]
        waiting = _Waiting(leg, asked.index)
        found.taken[leg.side].add(asked.index)
        found.pending[leg.side].append(waiting)
        self._waiting[leg.key] = (found, waiting)
        self._unpaired.set(leg.key, now_ms + self._limits.unpaired_ms)
        return self._pair(found, now_ms)

    def depart(self, key: Hashable) -> list[Command]:
        """A waiting leg's connection closed; its proof is free again (rule 3)."""
        self._leave(key)
        return []

    def closed(
        self, pair: Pair, traffic: Traffic, reason: CloseReason, now_ms: int
    ) -> list[Command]:
        """A splice has ended: record it, once."""
        session = self._sessions.get(pair.session)
        if session is not None:
            session.active.discard(pair.index)
        event = TunnelClosed(
            session=pair.session,
            index=pair.index,
            at_ms=now_ms,
            bytes_from_device=traffic.from_device,
            bytes_from_specialist=traffic.from_specialist,
            reason=reason,
        )
        return [Tell(event)]

    def tick(self, now_ms: int) -> list[Command]:
        """Rule 5: what has waited or lived too long."""
        commands: list[Command] = []
        for key in self._unpaired.due(now_ms):
            self._leave(key)
            commands.append(Refuse(key, 504, Gate.LIMIT))
        for session in self._lifetimes.due(now_ms):
            if session in self._sessions:
                commands += self._end(session, CloseReason.EXPIRED, now_ms)
            else:
                self._over.pop(session, None)
        return commands

    # ---- inside ----

    def _may(self, session: _Session, leg: Leg, asked: TunnelRequest) -> bool:
        """Rules 2 and 3."""
        fresh = asked.index not in session.taken[leg.side]
        return session.owns(leg) and fresh and check_proof(asked, session.proofs(leg.side))

    def _pair(self, session: _Session, now_ms: int) -> list[Command]:
        """Rule 4."""
        devices, specialists = session.pending[Side.DEVICE], session.pending[Side.SPECIALIST]
        if not devices or not specialists:
            return []
        device, specialist = devices.popleft(), specialists.popleft()
        for waiting in (device, specialist):
            del self._waiting[waiting.leg.key]
            self._unpaired.cancel(waiting.leg.key)
        index = session.next_index
        session.next_index += 1
        session.active.add(index)
        terms = session.terms
        return [
            Pair(
                terms.session,
                index,
                device.leg.key,
                specialist.leg.key,
                session.budget,
                terms.idle_s * 1000,
            ),
            Tell(TunnelOpened(session=terms.session, index=index, at_ms=now_ms)),
        ]

    def _leave(self, key: Hashable) -> None:
        session, waiting = self._waiting.pop(key, (None, None))
        if session is None or waiting is None:
            return
        self._unpaired.cancel(key)
        side = waiting.leg.side
        session.pending[side].remove(waiting)
        session.taken[side].discard(waiting.proof)

    def _end(self, session: SessionId, reason: CloseReason, now_ms: int) -> list[Command]:
        found = self._sessions.pop(session, None)
        if found is None:
            return []
        if found.terms.not_after_ms > now_ms:
            self._over[session] = found
            self._lifetimes.set(session, found.terms.not_after_ms)
        commands: list[Command] = []
        for pending in found.pending.values():
            for waiting in list(pending):
                self._leave(waiting.leg.key)
                commands.append(Refuse(waiting.leg.key, 403, Gate.TUNNEL_PROOF, late=True))
        commands += [End(session, index, reason) for index in sorted(found.active)]
        return commands
