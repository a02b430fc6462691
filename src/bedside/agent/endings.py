"""The endings that no worker writes any more (S26).

In this order, so that a death in between forgets nothing: that the device must be verified (R11) is on
the disk, then the ending is in the journal.
"""

from collections.abc import Callable, Mapping

from bedside.agent.board import Board
from bedside.agent.ledger import Ledger, OpenedSession
from bedside.agent.scribe import Scribe
from bedside.audit.entry import DetailValue, short
from bedside.protocol.local import Verification
from bedside.vocabulary import Ending, JournalAction, Mode, Outcome

__all__ = ["Endings"]


class Endings:
    """Ends what a lost worker, or a lost supervisor, left open.

    Args:
        scribe: does it as soon as the journal is free.
        ledger, board: the supervisor's own.
        now_ms: the wall clock, Unix milliseconds.
    """

    def __init__(
        self,
        scribe: Scribe,
        ledger: Ledger,
        board: Board,
        *,
        now_ms: Callable[[], int],
    ) -> None:
        self._scribe = scribe
        self._ledger = ledger
        self._board = board
        self._now_ms = now_ms

    def close(
        self,
        ending: Ending,
        detail: Mapping[str, DetailValue],
        *,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Give every session without an ending this one; `done` is called when all have it."""

        def act() -> None:
            self._ledger.end_open_sessions(ending, detail, before=self._before)
            done()

        self._scribe.owe(act)

    def note_loss(self, why: str, *, stopped: bool) -> None:
        """Write that the worker was lost, and why; nothing where it left in order (no `why`)."""

        def act() -> None:
            if not why and not self._ledger.open_sessions():
                return
            self._ledger.write(
                JournalAction.AGENT_WORKER_LOST,
                outcome=Outcome.FAILURE,
                detail={"stopped": stopped, "reason_code": short(why or "left")},
            )

        self._scribe.do(act)

    def _before(self, opened: OpenedSession) -> None:
        due = self._board.verification
        if not opened.live or opened.mode is not Mode.CONTROL:
            return
        if due is not None and due.session == opened.session:
            return  # the worker said so already, with what was changed
        self._board.require_verification(
            Verification(
                session=opened.session,
                person=opened.person or "?",
                at_ms=self._now_ms(),
                changes=(),
            )
        )
