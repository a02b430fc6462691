"""Which of several workers does what is done once: whoever holds a lock of the database.

On PostgreSQL it is an advisory lock, held by a connection that must say something every so often: a
worker that was killed loses it at once, one that froze or lost its network within `SILENCE_S`. Another
one takes over. On SQLite all workers are on this host and hold a lock file (`journal.sealing`).
"""

import logging
from typing import TYPE_CHECKING

from bedside.console.log import told
from bedside.console.wake.postgresql import on_postgresql, open_own

if TYPE_CHECKING:
    import psycopg

__all__ = ["SILENCE_S", "Turn"]

SILENCE_S = 15
"""Whoever has the turn and says nothing for so long has it no more."""
# Any number will do, as long as nothing else in this database locks it.
_TAKE = "SELECT pg_try_advisory_lock(27696029825066086)"

_log = logging.getLogger("bedside.worker")


class Turn:
    """The turn of one worker; `mine` asks for it, and keeps it as long as it is asked.

    Args:
        silence_s: how long it may be silent.
    """

    def __init__(self, *, silence_s: int = SILENCE_S) -> None:
        self._silence_s = silence_s
        self._held = False
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def mine(self) -> bool:
        """Return whether this worker has the turn now; a database that is away gives it to nobody."""
        if not on_postgresql():
            return True
        import psycopg

        had = self._held
        try:
            self._held = self._ask()
        except psycopg.Error:
            self.close()
        if had != self._held:
            words = (
                "this worker does what is done once" if self._held else "this worker lost its turn"
            )
            _log.info(words, extra=told("turn_taken" if self._held else "turn_lost"))
        return self._held

    def close(self) -> None:
        """Give the turn up."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._held = None, False

    def _ask(self) -> bool:
        if self._connection is None:
            self._connection = open_own("turn", idle_session_timeout=f"{self._silence_s}s")
        if self._held:
            self._connection.execute("SELECT 1")
            return True
        row = self._connection.execute(_TAKE).fetchone()
        return row is not None and bool(row[0])
