"""Remembers which orders were met: a replayed one is refused after any restart (S17).

One small file a session, on the disk before the order has any effect, removed a day after the
order could not have been answered any more.
"""

import contextlib
from pathlib import Path

from bedside.agent.files import make_private_folder, write_bytes
from bedside.vocabulary import SessionId

__all__ = ["SeenOrders"]

_MARGIN_MS = 24 * 3_600_000


class SeenOrders:
    """The memory in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        make_private_folder(folder)

    def knows(self, session: SessionId) -> bool:
        """Whether the order of `session` was met."""
        return (self._folder / session).exists()

    def remember(self, session: SessionId, answer_by_ms: int) -> None:
        """Remember the order; on return it is on the disk. Raises OSError."""
        write_bytes(self._folder / session, str(answer_by_ms).encode())

    def forget_old(self, now_ms: int) -> int:
        """Forget orders that are refused as expired anyway; return how many."""
        count = 0
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError, ValueError):
                if now_ms > int(path.read_bytes()) + _MARGIN_MS:
                    path.unlink()
                    count += 1
        return count
