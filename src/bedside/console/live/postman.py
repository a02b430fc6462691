"""Sends what waits in the outbox, in a thread of its own: a slow mail server delays nothing else."""

import logging
import threading

from django.db import close_old_connections, connection

from bedside.console.journal.actions import now_ms
from bedside.console.live.absence import AWAY, Absence
from bedside.console.log import told
from bedside.console.notices.actions import do_send_due

__all__ = ["Postman"]

_log = logging.getLogger("bedside.worker")
_EVERY_S = 1.0
_LEAVE_S = 5.0


class Postman(threading.Thread):
    """Looks into the outbox every second until it is stopped."""

    def __init__(self) -> None:
        super().__init__(name="postman", daemon=True)
        self._over = threading.Event()

    def run(self) -> None:
        """Send what is due; a failure of our own is logged, and tried again at the next turn."""
        absence = Absence(_log)
        while not self._over.wait(_EVERY_S):
            close_old_connections()
            try:
                while do_send_due(now=now_ms()) and not self._over.is_set():
                    pass
                absence.back()
            except AWAY as error:
                absence.lost(error)
            except Exception:  # noqa: BLE001 - a turn that failed must not be the last
                _log.exception(
                    "the outbox failed and will be tried again", extra=told("outbox_failed")
                )
        connection.close()

    def stop(self) -> None:
        """Stop; what is under way comes back by its lease if it does not end in time."""
        self._over.set()
        self.join(_LEAVE_S)
