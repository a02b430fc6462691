"""Django's SQLite back end, one writer at a time by a lock file.

SQLite's own busy handler is not fair: under four writing processes some wait seconds. The kernel
grants `flock` in the order of asking, so every transaction queues there before `BEGIN IMMEDIATE`.
A statement outside a transaction does not queue: it waits for SQLite's busy time-out alone.
"""

import fcntl
import os
import time
from typing import Any

from django.db.backends.sqlite3 import base, features

from bedside.console.waits import waited

__all__ = ["DatabaseWrapper"]


class DatabaseFeatures(features.DatabaseFeatures):
    """Django counts with the 999 parameters of SQLite before 3.32; any newer one takes 32,766."""

    max_query_params = 32_766


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose transactions hold `<database>.lock` from begin to end."""

    features_class = DatabaseFeatures

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lock: int | None = None
        self._locked = False

    def _start_transaction_under_autocommit(self) -> None:
        self._take_lock()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._release_lock()
            raise

    def _commit(self) -> Any:
        result = super()._commit()  # type: ignore[misc]
        # A failed commit is followed by a rollback, which releases.
        self._release_lock()
        return result

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc]
        finally:
            self._release_lock()

    def _close(self) -> Any:
        try:
            return super()._close()  # type: ignore[misc]
        finally:
            self._release_lock()
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _take_lock(self) -> None:
        if self._locked or self.is_in_memory_db():
            return
        if self._lock is None:
            name = f"{self.settings_dict['NAME']}.lock"
            self._lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        started = time.perf_counter()
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        waited(time.perf_counter() - started)
        self._locked = True

    def _release_lock(self) -> None:
        if self._locked and self._lock is not None:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
            self._locked = False
