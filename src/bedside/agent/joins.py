"""Who else is in a session: one person who asks to join it, or has joined it (S37, R10).

1. A join is a session of its own: its own order, question, key, second authentication and ending.
2. It begins only where the session that it names is live, and it ends with that session.
3. However it ends, the session that was joined goes on.
4. Control may be handed to that person under an order of its own, with its own question; it ends
   with the join.
5. Beside them one person of the site itself may join to watch (R18): a seat of its own, so that
   neither keeps the other out, and no control comes to it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bedside.agent.control import ControlSession
from bedside.agent.plan import Joinable
from bedside.agent.session import Over, ServiceSession, SessionParts
from bedside.protocol.orders import SessionOrder
from bedside.protocol.site import Approver
from bedside.protocol.states import ending_of_join
from bedside.vocabulary import Activity, Mode, SessionId, SessionState

__all__ = ["Joins", "Showing"]

Board = dict[str, Any]


class Showing:
    """Puts what the session, the join and the hand-over of control show into one board.

    The session stays what is shown: the others add their question, who has joined, who controls.
    """

    def __init__(self, tell: Callable[[Board], None]) -> None:
        self._tell = tell
        self._host: Board = {"activity": Activity.IDLE}
        self._join: Board = {"activity": Activity.IDLE}
        self._control: Board = {"activity": Activity.IDLE}
        self._watching: Board = {"activity": Activity.IDLE}

    def host(self, board: Board) -> None:
        """Show what the session shows now."""
        self._host = board
        self._show()

    def join(self, board: Board) -> None:
        """Show what the join shows now."""
        self._join = board
        self._show()

    def control(self, board: Board) -> None:
        """Show what the hand-over of control shows now."""
        self._control = board
        self._show()

    def watching(self, board: Board) -> None:
        """Show what the join of somebody of the site shows now."""
        self._watching = board
        self._show()

    def _show(self) -> None:
        if self._join["activity"] == self._watching["activity"] == Activity.IDLE:
            self._tell(self._host)
        elif self._host.get("session") is not None:
            # A session that is over is shown until whoever joined it is out as well.
            session = {**self._host["session"], "joined": self._joined()}
            if self._watching["activity"] != Activity.IDLE:
                session["watching"] = _guest(self._watching)
            asking = (self._join, self._control, self._watching)
            request = next((each["request"] for each in asking if each.get("request")), None)
            activity = Activity.CONTROLLING if self._controls else self._host["activity"]
            self._tell({**self._host, "activity": activity, "request": request, "session": session})

    @property
    def _controls(self) -> bool:
        return bool(self._control["activity"] == Activity.CONTROLLING)

    def _joined(self) -> Board | None:
        guest = _guest(self._join)
        if guest is None:
            return None
        guest["may_control"] = self._control.get("session") is not None
        return {**guest, "controls": self._controls}


def _guest(board: Board) -> Board | None:
    session = board.get("session")
    if session is None:
        return None
    return {
        "session": session["session"],
        "person": session["person"],
        "since_ms": session["since_ms"],
        "watches": board["activity"] == Activity.VIEWING,
        "may_control": False,
        "controls": False,
        "presence_code": board.get("presence_code"),
    }


class Joins:
    """The joins of the session that is open, and the hand-over of control, if there are any."""

    def __init__(self) -> None:
        self._session: ServiceSession | None = None
        self._watching: ServiceSession | None = None
        self._control: ControlSession | None = None
        self._tasks: set[asyncio.Task[Over]] = set()

    @property
    def sessions(self) -> tuple[ServiceSession, ...]:
        """The joins that are asked or have come in, and the control that is asked for or allowed."""
        found = (self._session, self._control, self._watching)
        return tuple(one for one in found if one is not None)

    def joinable(self, host: ServiceSession | None, order: SessionOrder) -> Joinable | None:
        """Return what `order` may join beside `host`: nothing before it is live, nor a second time.

        An order for control is for whoever has joined and is in, of a session in control.
        """
        if host is None or not host.live or host.over.done():
            return None
        if order.hands_over:
            return self._inheritable(host, order.session)
        seated = self._watching if order.of_site else self._session
        taken = seated is not None and seated.order.session != order.session
        return None if taken else Joinable(host.order.session, host.order.access)

    def _inheritable(self, host: ServiceSession, but: SessionId) -> Joinable | None:
        join, control = self._session, self._control
        taken = control is not None and control.order.session != but
        if join is None or not join.live or join.over.done() or taken:
            return None
        if host.order.mode is not Mode.CONTROL:
            return None
        heir = (join.order.person.id, join.order.specialist_key)
        return Joinable(join.order.session, join.order.access, heir)

    def begin(
        self,
        order: SessionOrder,
        digest: str,
        parts: SessionParts,
        host: ServiceSession,
        *,
        approvers: tuple[Approver, ...],
    ) -> None:
        """Ask whether `order` may join `host`, and let it (rules 1 and 2).

        `approvers` of the site verifiably approved the order.
        """
        joined = replace(parts, stage=host.stage)
        join = ServiceSession(order, digest, joined, approvers=approvers)
        if order.of_site:
            self._watching = join
            self._run(join, host, self._watched)
        else:
            self._session = join
            self._run(join, host, self._left)

    def begin_control(
        self,
        order: SessionOrder,
        digest: str,
        parts: SessionParts,
        host: ServiceSession,
        *,
        approvers: tuple[Approver, ...],
    ) -> None:
        """Ask whether whoever joined `host` may be handed control of it (rule 4)."""
        assert self._session is not None  # the gate has seen it live
        shared = replace(parts, stage=host.stage)
        language = parts.grant(order).language
        control = self._control = ControlSession(
            order, digest, shared, host=host, language=language, approvers=approvers
        )
        self._run(control, self._session, self._given_up)

    async def gone(self) -> None:
        """Wait until nobody asks, watches or controls by a join any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _run(
        self, session: ServiceSession, above: ServiceSession, gone: Callable[[], None]
    ) -> None:
        above.over.add_done_callback(lambda over: _end_with(session, over.result()))
        task = asyncio.get_running_loop().create_task(session.run())
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._gone(task, gone))

    def _gone(self, task: asyncio.Task[Over], gone: Callable[[], None]) -> None:
        self._tasks.discard(task)
        gone()
        if not task.cancelled():
            task.result()

    def _left(self) -> None:
        self._session = None

    def _watched(self) -> None:
        self._watching = None

    def _given_up(self) -> None:
        self._control = None


def _end_with(join: ServiceSession, over: Over) -> None:
    state = SessionState.CONNECTING if join.consented else SessionState.AWAITING_OPERATOR
    join.finish(Over(ending=ending_of_join(over.ending, state), actor=over.actor))
