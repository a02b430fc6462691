"""The lock that the journal's writers share: between processes a lock on a file, between threads another.

Nobody waits for it longer than its patience: whoever holds it may hang, be stopped, or wait for a
disk. The supervisor's patience is none at all once it runs (`scribe`): Stop must work while the
worker hangs with the lock in its hand (R13).
"""

import fcntl
import os
import time
from _thread import allocate_lock  # `threading` around it costs the idle agent memory
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bedside.language import N_

__all__ = ["PATIENCE_MS", "JournalError", "JournalHeldError", "JournalLock"]

PATIENCE_MS = 10_000
_FIRST_PAUSE_S = 0.0005
_LONGEST_PAUSE_S = 0.02


class JournalError(Exception):
    """The journal cannot be continued; no session may be opened (gate `journal`).

    `text` is a marked sentence with `fields` for it: a command says it, the idle agent has no
    catalogue.
    """

    def __init__(self, text: str, /, **fields: object) -> None:
        super().__init__(text.format(**fields))
        self.text = text
        self.fields = fields


class JournalHeldError(JournalError):
    """Another process or thread has the journal in its hand; nothing was read or written."""


class JournalLock:
    """The lock file at `path`, made there if it does not exist.

    Args:
        path: the lock file.
        patience_ms: how long `held` waits; it may be changed at any time.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, *, patience_ms: int = PATIENCE_MS) -> None:
        self.patience_ms = patience_ms
        self._threads = allocate_lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the body of a `with`; raise JournalHeldError when patience ends."""
        until = time.monotonic() + self.patience_ms / 1000
        if not self._threads.acquire(timeout=self.patience_ms / 1000):
            raise JournalHeldError(N_("another thread has the journal"))
        try:
            self._take(until)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def close(self) -> None:
        """Release the file."""
        os.close(self._file)

    def _take(self, until: float) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise JournalHeldError(N_("another program has the journal")) from None
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            else:
                return
