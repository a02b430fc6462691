"""Control of a live session by somebody who has joined it: asked for, allowed, handed over (R10).

1. It has an order, a question to the operator, a consent, limits and one ending of its own, as any
   session has, and no tunnel: the person is in already, by the session that they joined with.
2. It is live from the moment when they take what was handed to them, until it ends.
3. It ends with the join that it is for. However it ends, that join and the session go on; control is
   nobody's then, until whoever started the session takes it (`ssh.helm`).
"""

import asyncio
import time

from bedside.agent.session import Over, ServiceSession, SessionParts
from bedside.agent.ssh.helm import Seat
from bedside.audit.entry import Deed, Thing
from bedside.language import Language
from bedside.protocol.orders import SessionOrder
from bedside.protocol.site import Approver
from bedside.vocabulary import Activity, DeviceId, Ending, Gate, JournalAction, SiteAction

__all__ = ["ControlSession"]

_WHY_S = 2.0


class ControlSession(ServiceSession):
    """The hand-over of one session's control to one person (`ssh.helm.Heir`).

    Args:
        order: the grant, for control; it names the join.
        digest: the hash of the order's signed bytes.
        parts: what it needs; its stage is that of the session that was joined.
        host: the session that was joined.
        language: what terminals read here.
        approvers: who of the site verifiably approved the order.
    """

    def __init__(
        self,
        order: SessionOrder,
        digest: str,
        parts: SessionParts,
        *,
        host: ServiceSession,
        language: Language,
        approvers: tuple[Approver, ...] = (),
    ) -> None:
        super().__init__(order, digest, parts, approvers=approvers)
        self._host = host
        self._helm = parts.stage.helm
        self._written = asyncio.Event()
        self.language = language

    # ---- its life ----

    async def run(self) -> Over:
        """Live it to its end, and leave the ending in the journal."""
        forget = self._helm.follow(self._show_again)
        self._helm.asked(self)
        try:
            return await super().run()
        finally:
            forget()
            self._written.set()

    def accept(self, name: str, *, answered_ms: int) -> Gate | None:
        """The operator `name` allows it; return the gate that refused that, or None."""
        refusal = super().accept(name, answered_ms=answered_ms)
        if refusal is None:
            self._helm.allow(self)
        return refusal

    def finish(self, over: Over) -> None:
        """End it, and with it their control, at once; the first ending counts."""
        super().finish(over)
        self._helm.forget(self)

    def _prepare(self) -> list[asyncio.Task[None]]:
        return []

    # ---- what the helm asks ----

    @property
    def name(self) -> str:
        """The person's name."""
        return self.order.person.name

    @property
    def device(self) -> DeviceId:
        """Where."""
        return self.order.device

    @property
    def actions(self) -> frozenset[SiteAction]:
        """What the order covers beside the session."""
        return frozenset(self.order.actions)

    def take(self) -> None:
        """Write that control passes to them; raises JournalError, and ends it then.

        That it left the one session and came to the other is on the disk together.
        """
        host = self._host.order
        passed = Deed(
            actor=self.specialist,
            action=JournalAction.SESSION_CONTROL_PASSED,
            object=Thing("session", host.session),
            session=host.session,
            case=host.case,
            detail={"person": self.name},
        )
        self.moved()
        self._go_live(passed)
        self._host.note_change(self.name)

    def moved(self) -> None:
        """Neither their control nor the session that they control is idle."""
        self._moved = time.monotonic()
        self._host.moved()

    def did(self, text: str) -> None:
        """Keep what they do for whoever verifies the device."""
        self._host.note_change(f"{self.name}: {text}")

    def lost(self) -> None:
        """Their last terminal is closed: end it, by the word for why that may be on its way."""
        self._parts.show({"activity": Activity.IDLE})
        loop = asyncio.get_running_loop()
        loop.call_later(_WHY_S, self.finish, Over(ending=Ending.PARTNER_LOST))

    async def end(self, by: Seat) -> None:
        """End their control; the ending is in the journal on return."""
        actor = self._host.specialist if by is Seat.STARTED else self.specialist
        self.finish(Over(ending=Ending.BY_SPECIALIST, actor=actor))
        await self._written.wait()
