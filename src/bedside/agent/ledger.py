"""The journal in the device's own words, and which session in it has no ending yet.

A session is open from the entry that received its order to the entry that ended it. Whatever
happens to the processes, the journal gets that second entry: at once when the worker was lost, at
the next start when the supervisor was (S26).
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.agent.journal import RESERVE_BYTES, Journal, JournalError
from bedside.agent.journal_lock import PATIENCE_MS
from bedside.audit.chain import ChainHead
from bedside.audit.entry import Actor, ActorKind, Deed, DetailValue, Thing, time_ms
from bedside.vocabulary import (
    DeviceId,
    Ending,
    Gate,
    JournalAction,
    MessageKind,
    Mode,
    Outcome,
    SessionId,
)

__all__ = ["Ledger", "OpenedSession"]

_LOOK_BACK = 400
_CROWD_ENOUGH = 20
_CROWD = 2 * _CROWD_ENOUGH * (len(MessageKind) + 1)
_CROWD_MS = 3_600_000
_MIN_SPACE = 2 * RESERVE_BYTES
_ENDED = JournalAction.SESSION_LIFE_ENDED
_WITNESS = JournalAction.JOURNAL_WITNESS_RECORDED
_OPENS = JournalAction.ORDER_DOCUMENT_RECEIVED
_BEGINS = (_OPENS, JournalAction.AGENT_PROCESS_STARTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """A session without an ending: whose, in which mode, and whether somebody was inside."""

    session: SessionId
    case: str | None
    person: str
    mode: Mode
    live: bool


class Ledger:
    """The device's journal as supervisor and worker write it.

    Args:
        folder: the journal's.
        device: the actor where no other is named.
        patience_ms: how long it waits for another writer (`journal_lock`).

    Raises JournalError when the journal in `folder` cannot be continued.
    """

    def __init__(self, folder: Path, device: DeviceId, *, patience_ms: int = PATIENCE_MS) -> None:
        self.journal = Journal(folder, patience_ms=patience_ms)
        self.device = Actor(ActorKind.DEVICE, device, device)

    def head(self) -> ChainHead:
        """Return size and hash of the journal."""
        return self.journal.head()

    def write(
        self,
        action: JournalAction,
        *,
        outcome: Outcome = Outcome.SUCCESS,
        gate: Gate | None = None,
        object: Thing | None = None,  # noqa: A002 - the journal's own word
        session: SessionId | None = None,
        case: str | None = None,
        actor: Actor | None = None,
        detail: Mapping[str, DetailValue] | None = None,
    ) -> ChainHead:
        """Append one entry; on return it is on the disk. Raises JournalError when it cannot be.

        The device is the actor and the object where none is named.
        """
        deed = Deed(
            actor=actor or self.device,
            action=action,
            object=object or Thing("device", self.device.id),
            outcome=outcome,
            gate=gate,
            session=session,
            case=case,
            detail=detail or {},
        )
        return self.journal.append(deed, closing=action is _ENDED)

    def write_ending(
        self,
        session: SessionId,
        ending: Ending,
        *,
        case: str | None,
        gate: Gate | None = None,
        actor: Actor | None = None,
        detail: Mapping[str, DetailValue] | None = None,
    ) -> ChainHead:
        """Append the one entry that ends a session (R4)."""
        return self.write(
            _ENDED,
            outcome=_ENDING_OUTCOME.get(ending, Outcome.SUCCESS),
            gate=gate,
            object=Thing("session", session),
            session=session,
            case=case,
            actor=actor,
            detail={"ending": str(ending), **(detail or {})},
        )

    def open_sessions(self) -> list[OpenedSession]:
        """Return the sessions without an ending, oldest first."""
        opened: dict[str, OpenedSession] = {}
        for entry in self._since_idle():
            session = entry["session"]
            if entry["action"] == _ENDED:
                opened.pop(session, None)
            elif entry["action"] == _OPENS and entry["outcome"] == Outcome.SUCCESS:
                opened[session] = _opened(entry, live=False)
            elif entry["action"] == JournalAction.SESSION_LIFE_LIVE and session in opened:
                before = opened[session]
                opened[session] = OpenedSession(
                    session=before.session,
                    case=before.case,
                    person=before.person,
                    mode=before.mode,
                    live=True,
                )
        return list(opened.values())

    def end_open_sessions(
        self,
        ending: Ending,
        detail: Mapping[str, DetailValue],
        *,
        before: Callable[[OpenedSession], None] = lambda _: None,
    ) -> None:
        """Give every open session its ending; `before` is called with each, then it is written.

        Called again after an error, it goes on with those that have none yet.
        """
        for one in self.open_sessions():
            before(one)
            self.write_ending(one.session, ending, case=one.case, detail=detail)

    def knows(self, session: SessionId) -> bool:
        """Whether the recent journal speaks of `session`: its order was met before."""
        return any(json.loads(line)["session"] == session for line in self._last(_LOOK_BACK))

    def has_ended(self, session: SessionId) -> bool | None:
        """Whether `session` has its ending; None when the recent journal does not speak of it."""
        entries = [json.loads(line) for line in self._last(_LOOK_BACK)]
        actions = {entry["action"] for entry in entries if entry["session"] == session}
        return _ENDED in actions if actions else None

    def has_told_enough(self, action: JournalAction, kind: MessageKind, now_ms: int) -> bool:
        """Whether this action on this kind of document fills the end of the journal already.

        What anybody on the way can cause without end must not fill the device's disk: 20 such
        entries, without a session, of the last hour are enough for whoever reads. Each kind has
        its own 20, since damaged receipts must not hide that an order was refused; it is looked
        at twice as many entries as all kinds together may write.
        """
        return self._is_crowd(
            now_ms,
            lambda entry: (
                entry["action"] == action
                and entry["session"] is None
                and entry["detail"].get("kind") == kind
            ),
        )

    def has_told_enough_replays(self, now_ms: int) -> bool:
        """Whether replayed orders fill the end of the journal already; as `has_told_enough`."""
        return self._is_crowd(now_ms, lambda entry: entry["gate"] == Gate.ORDER_REPLAYED)

    def _is_crowd(self, now_ms: int, is_one: Callable[[dict[str, Any]], bool]) -> bool:
        entries = map(json.loads, self._last(_CROWD))
        told = sum(
            is_one(entry) for entry in entries if now_ms - time_ms(entry["time"]) < _CROWD_MS
        )
        return told >= _CROWD_ENOUGH

    def last_entry_ms(self) -> int:
        """Return the time of the last entry, Unix milliseconds; 0 for an empty journal."""
        lines = self._last(1)
        return time_ms(json.loads(lines[0])["time"]) if lines else 0

    def is_writable(self) -> bool:
        """Whether an entry could be kept now: fail closed before anybody is asked anything."""
        try:
            self.journal.head()
            space = os.statvfs(self.journal.path.parent)
        except (JournalError, OSError):
            return False
        return space.f_bavail * space.f_frsize >= _MIN_SPACE

    def has_news_after(self, size: int) -> bool:
        """Whether an entry after the first `size` is worth a report by itself.

        A witness of the console's head is not: its report would bring the next receipt, for ever.
        """
        lines = self.journal.entries(size, _LOOK_BACK, max_bytes=_LOOK_BACK * 8192)
        return any(json.loads(line)["action"] != _WITNESS for line in lines)

    def page(self, before: int | None, limit: int) -> tuple[list[dict[str, Any]], bool]:
        """Return up to `limit` entries before `before`, newest first, and whether older ones exist."""
        size = self.head().size
        end = size if before is None else min(before, size)
        first = max(end - limit, 0)
        entries = [json.loads(line) for line in self.journal.entries(first, end - first)]
        return entries[::-1], first > 0

    def close(self) -> None:
        """Release the files."""
        self.journal.close()

    def _since_idle(self) -> list[dict[str, Any]]:
        """Return the entries since an order or a start: whatever was open before had its ending."""
        found: list[dict[str, Any]] = []
        first = self.head().size
        while first > 0 and not any(map(_begins, found)):
            last, first = first, max(first - _LOOK_BACK, 0)
            lines = self.journal.entries(first, last - first, max_bytes=_LOOK_BACK * 8192)
            found[:0] = map(json.loads, lines)
        return found

    def _last(self, count: int) -> list[bytes]:
        size = self.head().size
        first = max(size - count, 0)
        return self.journal.entries(first, count, max_bytes=count * 8192)


_ENDING_OUTCOME = {
    Ending.REFUSED: Outcome.REFUSED,
    Ending.UNANSWERED: Outcome.REFUSED,
    Ending.REVOKED: Outcome.REFUSED,
    Ending.DEVICE_LOST: Outcome.FAILURE,
    Ending.PARTNER_LOST: Outcome.FAILURE,
    Ending.RELAY_LOST: Outcome.FAILURE,
    Ending.FAILED: Outcome.FAILURE,
}


def _begins(entry: dict[str, Any]) -> bool:
    # A join is ordered while the session that it joins is open: nothing begins with it.
    return entry["action"] in _BEGINS and not entry["detail"].get("joins")


def _opened(entry: dict[str, Any], *, live: bool) -> OpenedSession:
    return OpenedSession(
        session=entry["session"],
        case=entry["case"],
        person=str(entry["detail"].get("person", "")),
        mode=Mode(entry["detail"].get("mode", Mode.CONTROL)),
        live=live,
    )
