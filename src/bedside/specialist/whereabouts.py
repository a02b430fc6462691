"""At which relay a session's device is, while somebody waits for it there.

Until its order has reached it, a device that loses its relay finds the order, and with it the session,
at another one. Whoever asked before that has to follow.
"""

import threading
from typing import TYPE_CHECKING, Any

from bedside.language import Language
from bedside.specialist.store import SessionFolder

if TYPE_CHECKING:
    from bedside.specialist.api import Console, Json

__all__ = ["Whereabouts"]


class Whereabouts:
    """What the console last said of it, in the session's folder. Two threads may look at once.

    Args:
        folder: the session's.
        language: the person's.
    """

    def __init__(self, folder: SessionFolder, language: Language) -> None:
        self._folder = folder
        self._language = language
        self._looking = threading.Lock()
        # Kept, because whoever learns of the session's end forgets the folder.
        self.connection = folder.connection()
        """What the console gave to connect, as `read` found it."""
        self.shown: Json | None = None
        """The session as the console last showed it to `ask`, None where it did not."""

    def stays(self) -> bool:
        """Whether the device is still where `read` said, as far as anybody here has heard."""
        try:
            now = self._folder.connection()
        except OSError:
            return True  # the session is over, and forgotten: the relay says so
        return bool(now["relay"]["name"] == self.connection["relay"]["name"])

    def read(self) -> dict[str, Any]:
        """Return what the console gave to connect. Raises OSError."""
        self.connection = self._folder.connection()
        return self.connection

    def look(self, console: "Console", session: "Json") -> None:
        """Follow the device where `session`, as the console has just shown it, says another relay.

        Raises KeyRefusedError for a device's key that is not believed, CliError where the console
        says no, OSError, KeyError, ValueError for what is no answer or a folder that is gone.
        """
        # Only whoever waits, or is not let in, pays for these.
        from bedside.specialist.config import SpecialistConfig
        from bedside.specialist.opening import follow

        with self._looking:
            follow(console, SpecialistConfig.from_environment(), self._folder, session)

    def ask(self) -> bool:
        """Ask the console, and follow; returns whether there is another relay to go to.

        Raises KeyRefusedError.
        """
        from bedside.specialist.errors import CliError, KeyRefusedError
        from bedside.specialist.outcome import ANSWER_S, console_of

        self.shown = None
        try:
            with console_of(self._language, answer_s=ANSWER_S) as console:
                if console is not None:
                    self.shown = console.get(f"/sessions/{self._folder.session}")
                    self.look(console, self.shown)
        except KeyRefusedError:
            raise
        except (CliError, OSError, KeyError, ValueError):
            pass  # why nobody gets in is said by whoever asked
        return not self.stays()
