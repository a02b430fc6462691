"""Django's PostgreSQL back end, one writing transaction at a time by an advisory lock.

1. A transaction begins by waiting for its turn and has it until it commits or rolls back, as on
   SQLite (`console.project.sqlite`): an action reads, decides and writes while nobody else is
   half-way through another, no two transactions wait for each other, and rows of the journal
   become visible in the order of their numbers. PostgreSQL grants the turns in the order of asking.
2. What it then reads was committed before its turn began: isolation is READ COMMITTED, whose view
   is taken anew by each statement.
3. A statement outside a transaction does not queue, and reading never waits.
4. Whoever falls silent within a transaction loses it and the turn (`IDLE_S`), and nobody waits for
   a turn without end (`WAIT_S`).
"""

import time
from typing import Any

from django.db.backends.postgresql import base

from bedside.console.waits import waited

__all__ = ["IDLE_S", "WAIT_S", "DatabaseWrapper"]

IDLE_S = 20
"""A transaction that says nothing for so long is ended by the server."""
WAIT_S = 60
"""A transaction that does not get its turn in this time fails."""
# Any number will do, as long as nothing else in this database locks it ("bedside").
_TURN = "SELECT pg_advisory_xact_lock(27696029825066085)"


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose transactions have the turn from begin to end."""

    def _set_autocommit(self, autocommit: bool) -> None:  # noqa: FBT001 - Django's
        super()._set_autocommit(autocommit)  # type: ignore[misc]
        if autocommit:
            return
        try:
            started = time.perf_counter()
            with self.wrap_database_errors, self.connection.cursor() as cursor:
                cursor.execute(_TURN)
            waited(time.perf_counter() - started)
        except BaseException:
            if not self.connection.closed:
                self.connection.rollback()
                super()._set_autocommit(True)  # type: ignore[misc]
            raise

    def get_connection_params(self) -> dict[str, Any]:
        """Return what psycopg connects with, and the limits of waiting."""
        limits = {
            "lock_timeout": f"{WAIT_S}s",
            "idle_in_transaction_session_timeout": f"{IDLE_S}s",
        }
        words = [f"-c {name}={value}" for name, value in limits.items()]
        return {**super().get_connection_params(), "options": " ".join(words)}
