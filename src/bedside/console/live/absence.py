"""One line when the database goes away, and one when it is back: not one for each try between."""

import logging
import time

from django.db import InterfaceError, OperationalError

from bedside.console.log import told

__all__ = ["AWAY", "Absence"]

AWAY = (OperationalError, InterfaceError)
"""What a database that cannot be reached raises."""


class Absence:
    """Tells one logger; `lost` and `back` may be called as often as one likes."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._since_s: float | None = None

    def lost(self, error: Exception) -> None:
        """The database did not answer."""
        if self._since_s is None:
            self._since_s = time.monotonic()
            said = " ".join(str(error).split()).rstrip(".")
            words = "the database is away, and is asked until it is back: %s"
            self._log.warning(words, said, extra=told("database_lost"))

    def back(self) -> None:
        """The database answered."""
        if self._since_s is not None:
            away_s = round(time.monotonic() - self._since_s, 1)
            self._since_s = None
            words = "the database is back after %s s; nothing was lost"
            self._log.info(words, away_s, extra=told("database_back", away_s=away_s))
