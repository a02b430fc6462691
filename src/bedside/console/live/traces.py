"""Draws the trace of each session from the journals, once it has come to its prompt or its end.

Nothing is measured for it: both journals hold the times, the device's among them. A worker that
starts begins with what happens from then on; a span that is sent twice has the same id both times.
"""

from collections import OrderedDict

from bedside.console.journal.queries import newest_row
from bedside.console.journal.steps import newest_device_entry, sessions_after, steps_of
from bedside.observe.spans import Spans
from bedside.observe.trace import spans_of
from bedside.vocabulary import SessionId

__all__ = ["SessionTraces"]

_REMEMBERED = 10_000


class SessionTraces:
    """A duty of `worker`; `turn` sends what is new."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._row = newest_row()
        self._entry = newest_device_entry()
        self._told: OrderedDict[SessionId, None] = OrderedDict()

    def turn(self, now: int) -> None:
        """Send the trace of every session that came to its prompt or its end since the last turn."""
        del now
        found, self._row, self._entry = sessions_after(self._row, self._entry)
        for session, device in found:
            if session in self._told:
                continue
            self._told[session] = None
            self._spans.send(*spans_of(session, device, steps_of(session, device)))
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
