"""At which relay a session's device is, while somebody waits for it there.

Until its order has reached it, a device that loses its relay finds the order, and with it the session,
at another one. Whoever asked before that has to follow.
"""

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from bedside.language import Language
from bedside.specialist.store import SessionFolder

if TYPE_CHECKING:
    from bedside.specialist.api import Console, Json

__all__ = ["Whereabouts"]


class Whereabouts:
    """What the console last said of it. Two threads may look at once.

    Args:
        folder: the session's.
        language: the person's.
    """

    def __init__(self, folder: SessionFolder, language: Language) -> None:
        self._folder = folder
        self._language = language
        self._moved = threading.Event()
        self._looking = threading.Lock()
        # Kept, because whoever learns of the session's end forgets the folder.
        self.connection = folder.connection()
        """What the console gave to connect, as it was last read."""

    def stays(self) -> bool:
        """Whether the device is still where `read` said, as far as anybody has heard."""
        return not self._moved.is_set()

    def read(self) -> dict[str, Any]:
        """Return what the console gave to connect."""
        self._moved.clear()
        self.connection = self._folder.connection()
        return self.connection

    def look(self, console: "Console", session: "Json") -> bool:
        """Follow the device where `session`, as the console has just shown it, says another relay.

        Returns whether it does. Raises CliError.
        """
        # Only whoever waits, or is not let in, pays for these.
        from bedside.specialist.config import SpecialistConfig
        from bedside.specialist.opening import follow

        with self._looking:
            has_moved = follow(console, SpecialistConfig.from_environment(), self._folder, session)
        if has_moved:
            self._moved.set()
        return has_moved

    def ask(self) -> bool:
        """Ask the console, and follow; returns whether there is another relay to go to."""
        from bedside.specialist.errors import CliError
        from bedside.specialist.outcome import console_of

        with contextlib.suppress(CliError), console_of(self._language) as console:
            if console is not None:
                session = console.get(f"/sessions/{self._folder.session}")
                # The other thread may have followed since.
                return self.look(console, session) or not self.stays()
        return False
