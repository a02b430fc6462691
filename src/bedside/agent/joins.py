"""Who else is in a session: one person who asks to join it, or has joined it to watch (S37).

1. A join is a session of its own: its own order, question, key, second authentication and ending.
2. It begins only where the session that it names is live, and it ends with that session.
3. However it ends, the session that was joined goes on.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bedside.agent.plan import Joinable
from bedside.agent.session import Over, ServiceSession, SessionParts
from bedside.protocol.orders import SessionOrder
from bedside.protocol.site import Approver
from bedside.protocol.states import ending_of_join
from bedside.vocabulary import Activity, SessionId, SessionState

__all__ = ["Joins", "Showing"]

Board = dict[str, Any]


class Showing:
    """Puts what the session and the join show into one board.

    The session stays what is shown: the join adds its question, or who has joined.
    """

    def __init__(self, tell: Callable[[Board], None]) -> None:
        self._tell = tell
        self._host: Board = {"activity": Activity.IDLE}
        self._join: Board = {"activity": Activity.IDLE}

    def host(self, board: Board) -> None:
        """Show what the session shows now."""
        self._host = board
        self._show()

    def join(self, board: Board) -> None:
        """Show what the join shows now."""
        self._join = board
        self._show()

    def _show(self) -> None:
        if self._join["activity"] == Activity.IDLE:
            self._tell(self._host)
        elif self._host.get("session") is not None:
            # A session that is over is shown until whoever joined it is out as well.
            session = {**self._host["session"], "joined": self._joined()}
            self._tell({**self._host, "request": self._join.get("request"), "session": session})

    def _joined(self) -> Board | None:
        session = self._join.get("session")
        if session is None:
            return None
        return {
            "session": session["session"],
            "person": session["person"],
            "since_ms": session["since_ms"],
            "watches": self._join["activity"] == Activity.VIEWING,
            "presence_code": self._join.get("presence_code"),
        }


class Joins:
    """The join of the session that is open, if there is one."""

    def __init__(self) -> None:
        self._session: ServiceSession | None = None
        self._task: asyncio.Task[Over] | None = None

    @property
    def session(self) -> ServiceSession | None:
        """The join that is asked or has come in."""
        return self._session

    def joinable(self, host: ServiceSession | None, *, but: SessionId) -> Joinable | None:
        """Return what may be joined beside `host`: nothing before it is live, nor by a second one.

        `but` is the join that is judged: it does not stand in its own way.
        """
        taken = self._session is not None and self._session.order.session != but
        if host is None or not host.live or host.over.done() or taken:
            return None
        return Joinable(host.order.session, host.order.access)

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
        join = self._session = ServiceSession(order, digest, joined, approvers=approvers)
        host.over.add_done_callback(lambda over: _end_with(join, over.result()))
        self._task = asyncio.get_running_loop().create_task(join.run())
        self._task.add_done_callback(self._gone)

    async def gone(self) -> None:
        """Wait until nobody asks or watches any more."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def _gone(self, task: asyncio.Task[Over]) -> None:
        self._session = self._task = None
        if not task.cancelled():
            task.result()


def _end_with(join: ServiceSession, over: Over) -> None:
    state = SessionState.CONNECTING if join.consented else SessionState.AWAITING_OPERATOR
    join.finish(Over(ending=ending_of_join(over.ending, state), actor=over.actor))
