"""What is written on another host is heard at once: PostgreSQL's LISTEN, passed on as a nudge.

Who waits looks at the database by itself every so often anyway: rarely while the bell is heard, often
while it is not.
"""

import logging
import threading

from bedside.console.log import told
from bedside.console.wake import CHANNEL, poke
from bedside.console.wake.postgresql import on_postgresql, open_own

__all__ = ["Bell"]

_log = logging.getLogger("bedside.wake")
_HEARTBEAT_S = 10.0
_AGAIN_S, _AGAIN_MOST_S = 0.25, 5.0


class Bell(threading.Thread):
    """Nudges one process of this host whenever anybody has written, until it is stopped.

    Args:
        name: the name that the process listens under.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name="bell", daemon=True)
        self._process = name
        self._over = threading.Event()
        self._listens = threading.Event()

    @property
    def heard(self) -> bool:
        """Whether what is written elsewhere is heard now."""
        return self._listens.is_set()

    def ring_here(self) -> None:
        """Begin, where the database can be heard at all."""
        if on_postgresql():
            self.start()

    def run(self) -> None:
        """Listen; a server that is away is tried again."""
        import psycopg

        pause, said = _AGAIN_S, False
        while not self._over.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                if self._listens.is_set():
                    pause, said = _AGAIN_S, False
                    self._listens.clear()
                if not said:
                    words = "the database's bell is not heard, it is looked at more often: %s"
                    why = " ".join(str(error).split())
                    _log.warning(words, why, extra=told("bell_lost"))
                    said = True
                self._over.wait(pause)
                pause = min(pause * 2, _AGAIN_MOST_S)

    def stop(self) -> None:
        """Stop with the next heartbeat; nobody waits for that."""
        self._over.set()

    def _listen(self) -> None:
        with open_own("bell") as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._listens.set()
            _log.info("the database's bell is heard", extra=told("bell_heard"))
            poke(self._process)  # for what was written before it was heard
            while not self._over.is_set():
                for _ in connection.notifies(timeout=_HEARTBEAT_S):
                    poke(self._process)
                connection.execute("SELECT 1")
