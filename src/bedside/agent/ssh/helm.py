"""Who controls a session's terminals: one person at any moment, or nobody (R10).

1. Whoever started the session controls it until control is handed over; joining controls nothing.
2. Who controls hands over to one named person, whom a signed order and the operator allow it. It
   passes when that person takes it at an open terminal: none lands on somebody who is away.
3. Whoever started the session takes it back at any moment.
4. However the other's control ends, nobody has it until whoever started the session takes it.
5. It stands in the journal before anybody has it; that somebody has it no more waits for nothing.
6. What whoever loses it has under way, and could change something by, is cut.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol

from bedside.agent.ssh.plan import Refusal
from bedside.language import Language
from bedside.vocabulary import DeviceId, JournalAction, SiteAction

__all__ = ["Heir", "Helm", "Seat", "Turn"]


class Seat(StrEnum):
    """Where somebody sits in a session: they started it, joined it, or watch it for the site (R18).

    Who watches for the site never controls: no turn comes to that seat.
    """

    STARTED = "started"
    JOINED = "joined"
    SITE = "site"


class Turn(StrEnum):
    """What became of control; each has its lines for each seat (`words.turn_line`)."""

    ASKED = "asked"
    ALLOWED = "allowed"
    OFFERED = "offered"
    PASSED = "passed"
    OVER = "over"
    LAPSED = "lapsed"
    TAKEN = "taken"


class Heir(Protocol):
    """Whoever joined, and may be handed control: an order says so and the operator consented."""

    @property
    def name(self) -> str:
        """The person's name."""
        ...

    @property
    def device(self) -> DeviceId:
        """Where."""
        ...

    @property
    def language(self) -> Language:
        """What terminals read at this site."""
        ...

    @property
    def actions(self) -> frozenset[SiteAction]:
        """Files in, files out: what the order covers while they control."""
        ...

    def take(self) -> None:
        """Write that control passes to them; durable on return, or raises."""
        ...

    def moved(self) -> None:
        """Note that they are not idle."""
        ...

    def did(self, text: str) -> None:
        """Keep what they do for whoever verifies the device."""
        ...

    def lost(self) -> None:
        """Hear that their last terminal is closed: they control nothing any more."""
        ...

    async def end(self, by: Seat) -> None:
        """End their control, by whom; the ending is in the journal on return."""
        ...


Record = Callable[[JournalAction, str], Awaitable[None]]
"""Writes an act, and the name of the person whom it is about, for whoever acts."""


class Helm:
    """Who controls, who may be handed it, and whether it is offered.

    Args:
        say: shows what became of control, and of whom, to everybody at a terminal.
    """

    def __init__(self, say: Callable[[Turn, Heir], None]) -> None:
        self._say = say
        self.holder: Seat | None = Seat.STARTED
        self._followers: list[Callable[[], None]] = []
        self.turns = 0
        """How often it changed."""
        self._heir: Heir | None = None
        self._offered = False
        self._cuts: dict[Seat, set[Callable[[], None]]] = {seat: set() for seat in Seat}
        self._turn = asyncio.Lock()

    @property
    def actions(self) -> frozenset[SiteAction]:
        """What whoever joined may do beside the session, while they control."""
        return self._heir.actions if self._heir is not None else frozenset()

    # ---- what the session tells ----

    def asked(self, heir: Heir) -> None:
        """Say that somebody asks for control."""
        self._say(Turn.ASKED, heir)

    def allow(self, heir: Heir) -> None:
        """Let `heir` be handed control: order and consent stand."""
        self._heir = heir
        self._say(Turn.ALLOWED, heir)

    def forget(self, heir: Heir) -> None:
        """End what `heir` was allowed; where they controlled, nobody does (4, 5)."""
        if self._heir is not heir:
            return
        if self.holder is Seat.STARTED:
            self._say(Turn.LAPSED, heir)
        self._drop(heir)
        self._heir = None

    def _drop(self, heir: Heir) -> None:
        self._offered = False
        if self.holder is Seat.JOINED:
            self._pass(None)
            self._say(Turn.OVER, heir)

    def watched(self, watchers: int) -> None:
        """Note how many terminals of whoever joined are left: without one they control nothing."""
        if not watchers and self.holder is Seat.JOINED and self._heir is not None:
            self._drop(self._heir)
            self._heir.lost()

    def follow(self, follower: Callable[[], None]) -> Callable[[], None]:
        """Have `follower` called after each change of `holder`; returns how to forget that."""
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def moved(self) -> None:
        """Note that bytes of whoever joined moved, where they control."""
        if self._heir is not None and self.holder is Seat.JOINED:
            self._heir.moved()

    def did(self, text: str) -> None:
        """Note what whoever joined does, where they control."""
        if self._heir is not None and self.holder is Seat.JOINED:
            self._heir.did(text)

    def cut(self, seat: Seat, act: Callable[[], None]) -> Callable[[], None]:
        """Have `act` called when `seat` loses control (6); returns how to forget that."""
        self._cuts[seat].add(act)
        return lambda: self._cuts[seat].discard(act)

    # ---- what people ask ----

    async def hand(self, seat: Seat, name: str, record: Record) -> Refusal | None:
        """Offer control to the person called `name` (2); return what refused."""
        async with self._turn:
            if seat is not Seat.STARTED or self.holder is not seat:
                return Refusal.NOT_IN_CONTROL
            heir = self._heir
            if heir is None or heir.name.casefold() != name.casefold():
                return Refusal.NOBODY_ALLOWED
            await record(JournalAction.SESSION_CONTROL_OFFERED, heir.name)
            if self._heir is heir:
                self._offered = True
                self._say(Turn.OFFERED, heir)
            return None

    async def take(self, seat: Seat, record: Record, *, watchers: int) -> Refusal | None:
        """Take control: what was offered (2), or one's own again (3); return what refused."""
        async with self._turn:
            if self.holder is seat and not self._offered:
                return None
            if seat is Seat.STARTED:
                await self._take_back(record)
                return None
            heir = self._heir
            if seat is not Seat.JOINED or heir is None or not self._offered:
                return Refusal.NOT_OFFERED
            if not watchers:
                return Refusal.NOT_WATCHING
            heir.take()
            self._offered = False
            self._pass(Seat.JOINED)
            self._say(Turn.PASSED, heir)
            return None

    async def give(self, seat: Seat) -> Refusal | None:
        """Give back what was handed over; return what refused."""
        async with self._turn:
            if seat is not Seat.JOINED or self.holder is not seat or self._heir is None:
                return Refusal.NOT_IN_CONTROL
            await self._heir.end(seat)
            return None

    async def _take_back(self, record: Record) -> None:
        heir = self._heir
        if heir is not None and self.holder is not Seat.STARTED:
            await heir.end(Seat.STARTED)
        await record(JournalAction.SESSION_CONTROL_TAKEN, heir.name if heir else "")
        self._offered = False
        self._pass(Seat.STARTED)
        if heir is not None:
            self._say(Turn.TAKEN, heir)

    def _pass(self, seat: Seat | None) -> None:
        before, self.holder = self.holder, seat
        self.turns += 1
        if before is not None and before is not seat:
            for act in tuple(self._cuts[before]):
                act()
        for follower in tuple(self._followers):
            follower()
