"""Lets the database know that this process runs, from a thread of its own."""

import logging
import os
import socket
import threading

from django.db import DatabaseError, close_old_connections, connection

import bedside
from bedside.console.health.models import ProcessSeen
from bedside.console.journal.actions import now_ms
from bedside.console.log import told

__all__ = ["BEAT_MS", "Beat"]

BEAT_MS = 15_000
"""How often a process says that it runs."""
_FORGET_MS = 24 * 3600 * 1000
_LEAVE_S = 5.0
_log = logging.getLogger("bedside.health")


class Beat(threading.Thread):
    """Says so every quarter of a minute until it is stopped, then that the process has left.

    Args:
        kind: `web`, `live` or `worker`.
        admin_off: whether it serves without the admin address that its configuration names.
    """

    def __init__(self, kind: str, *, admin_off: bool = False) -> None:
        super().__init__(name="beat", daemon=True)
        self._kind = kind
        self._admin_off = admin_off
        self._over = threading.Event()
        self._started_ms = now_ms()

    def run(self) -> None:
        """Say so; a database that is away is told the next time."""
        while True:
            close_old_connections()
            try:
                self._say(now_ms())
            except DatabaseError:
                _log.warning("the database could not be told", extra=told("beat_failed"))
            if self._over.wait(BEAT_MS / 1000):
                break
        self._leave()
        connection.close()

    def stop(self) -> None:
        """Stop, and let the database forget this process."""
        self._over.set()
        if self.is_alive():
            self.join(_LEAVE_S)

    def _say(self, now: int) -> None:
        ProcessSeen.objects.update_or_create(
            kind=self._kind,
            host=socket.gethostname(),
            pid=os.getpid(),
            defaults={
                "version": bedside.__version__,
                "started_ms": self._started_ms,
                "seen_ms": now,
                "admin_off": self._admin_off,
            },
        )
        ProcessSeen.objects.filter(seen_ms__lt=now - _FORGET_MS).delete()

    def _leave(self) -> None:
        try:
            ProcessSeen.objects.filter(
                kind=self._kind, host=socket.gethostname(), pid=os.getpid()
            ).delete()
        except DatabaseError:
            return  # nobody takes a process for alive whose last word is old
