"""The device's legs of one session's tunnel: one is always waiting, so that each `ssh` is paired at once.

Before consent the relay is only connected to (`prepare`); a proof is shown after it (`run`).
A leg that lapses unpaired gives its proof back; a paired one has used it up, and one that broke here
only may hold it still: then it is passed over. The relay that brought the order carries the whole
session: when it is gone, the session is (`relay_lost`). One that is there and lets no further leg in,
as when its certificate has run out, is not gone while a paired leg goes on.
"""

import asyncio
import contextlib
import math
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from bedside.agent.dial import DialError, Line, NoEntryError, OpenLeg, open_line
from bedside.agent.link import Target
from bedside.agent.patience import NO_SSH, UNREACHABLE, Patience
from bedside.agent.proxy import Proxy
from bedside.agent.spare_lines import SpareLines
from bedside.protocol.poll import Refusal
from bedside.protocol.shapes import Relay
from bedside.protocol.tunnel import MAX_LEGS, proof
from bedside.vocabulary import Gate, SessionId

__all__ = ["CUT_OFF", "LegEvents", "Legs", "Way"]

CUT_OFF = frozenset({Gate.REVOKED_CERTIFICATE, Gate.DEVICE_CLONED})
"""The gates of a device that no relay serves any more: nothing can be told to it, nor waited for."""

_REFUSED_LIMIT_S = 20.0
_Done = TypeVar("_Done")


class _HastyError(DialError):
    """The relay says at once that nobody came: it pairs no more connections of this session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a session's legs reach their relay."""

    relay: Relay
    port: int
    proxy: Proxy | None
    context: ssl.SSLContext

    def targets(self) -> tuple[Target, ...]:
        """The relay's ports: the one that brought the order first, then the others in order."""
        ports = (self.port, *(port for port in self.relay.ports if port != self.port))
        return tuple(
            Target(
                host=self.relay.host,
                port=port,
                server_name=self.relay.server_name,
                proxy=self.proxy,
            )
            for port in ports
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEvents:
    """Whom the legs tell.

    `opened` gets each paired leg with its number; `lost` is called, with a word for why, when the
    relay cannot be reached any more or does not speak the protocol; `refused` when it does not (or
    no longer) know the session; `spent` when no further connection of this session will be paired.
    """

    opened: Callable[[int, OpenLeg], Awaitable[None]]
    lost: Callable[[str], None]
    refused: Callable[[Gate], None]
    spent: Callable[[], None]


class Legs:
    """Keeps one leg waiting until cancelled."""

    def __init__(
        self,
        session: SessionId,
        seed: bytes,
        way: Way,
        events: LegEvents,
        *,
        patience: Patience | None = None,
    ) -> None:
        self._session = session
        self._seed = seed
        self._way = way
        self._events = events
        self._spare = SpareLines(self._open_line)
        self._patience = patience or Patience()
        self._streams = 0
        self._unsure = False
        """Whether a leg broke here that the relay may think waits, and its proof with it."""
        self._refused_since: float | None = None

    async def prepare(self) -> None:
        """Keep connections to the relay ready, on which nothing is said, until cancelled."""
        await self._spare.keep()

    def close(self) -> None:
        """Let go of what was prepared and is not needed."""
        self._spare.close()

    async def run(self) -> None:
        """Dial, wait, hand over, dial again; to be called once the consent is in the journal."""
        index = 0
        while index < MAX_LEGS:
            asked_at = time.monotonic()
            try:
                leg = await self._dial(index)
                if not self._patience.answered(_waited_s(leg, asked_at)):
                    raise _HastyError
            except DialError as error:
                pause_s = self._pause_s(error)
                if pause_s is None:
                    self._give_up(error)
                    return
                await asyncio.sleep(pause_s)
                continue
            is_held = self._unsure and isinstance(leg, Refusal) and leg.gate is Gate.TUNNEL_PROOF
            self._unsure = False
            if is_held:
                index += 1
            elif isinstance(leg, OpenLeg):
                index += 1
                self._refused_since = None
                self._streams += 1
                await self._events.opened(index, leg)
            elif not await self._may_try_again(leg):
                self._events.refused(leg.gate)
                return
        self._events.spent()

    def _pause_s(self, error: DialError) -> float | None:
        """How long to wait before the next leg, or None to give the relay up."""
        # Whoever is inside goes on; only a relay that says nothing at all may be gone.
        if self._streams and isinstance(error, NoEntryError):
            return self._patience.shut()
        return self._patience.failed(time.monotonic())

    def _give_up(self, error: DialError) -> None:
        if isinstance(error, _HastyError):
            self._events.spent()
        elif isinstance(error, NoEntryError):
            self._events.lost(error.reason)
        elif self._patience.is_unreachable:
            self._events.lost(UNREACHABLE)
        else:
            self._events.lost(str(error))

    def streamed(self, *, spoke_ssh: bool) -> None:
        """Tell that a leg that was handed over is over, and whether it carried SSH."""
        self._streams -= 1
        if not self._patience.streamed(spoke_ssh=spoke_ssh):
            self._events.lost(NO_SSH)

    async def _dial(self, index: int) -> OpenLeg | Refusal:
        shown = proof(self._seed, "device", index)
        if (ready := self._spare.take()) is not None:
            with contextlib.suppress(DialError):
                return await self._ask(ready, index, shown)

        async def ask(target: Target) -> OpenLeg | Refusal:
            line = await open_line(target, self._way.context)
            self._patience.reached()
            return await self._ask(line, index, shown)

        return await self._on_some_port(ask)

    async def _ask(self, line: Line, index: int, shown: str) -> OpenLeg | Refusal:
        try:
            return await line.ask(self._session, index, shown)
        except DialError:
            self._unsure = True
            raise

    async def _open_line(self) -> Line:
        return await self._on_some_port(lambda target: open_line(target, self._way.context))

    async def _on_some_port(self, act: Callable[[Target], Awaitable[_Done]]) -> _Done:
        faults: list[DialError] = []
        for target in self._way.targets():
            try:
                return await act(target)
            except DialError as error:
                faults.append(error)
        # A port that a firewall drops says nothing of a relay that is there on another.
        raise next((each for each in faults if isinstance(each, NoEntryError)), faults[-1])

    async def _may_try_again(self, refusal: Refusal) -> bool:
        if refusal.gate is Gate.LIMIT and refusal.retry_in_ms == 0:
            return True  # nobody came within the relay's limit: wait again
        now = time.monotonic()
        self._refused_since = self._refused_since or now
        left_s = self._refused_since + _REFUSED_LIMIT_S - now
        if refusal.gate in CUT_OFF or refusal.retry_in_ms == 0 or left_s < 0:
            return False
        await asyncio.sleep(min(refusal.retry_in_ms / 1000, left_s))
        return True


def _waited_s(leg: OpenLeg | Refusal, asked_at: float) -> float:
    """Return how long it took the relay to find that nobody came; any other answer may be quick."""
    nobody_came = isinstance(leg, Refusal) and leg.gate is Gate.LIMIT and leg.retry_in_ms == 0
    return time.monotonic() - asked_at if nobody_came else math.inf
