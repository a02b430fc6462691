"""How far long work is, for whoever waits: one line that changes at a terminal, a few elsewhere."""

from datetime import UTC, datetime

from django.core.management.base import OutputWrapper
from django.utils.translation import gettext as _

__all__ = ["ProgressLine", "moment"]

_LONG = 64 * 1024 * 1024
_PARTS = {
    "database": lambda: _("database"),
    "journal": lambda: _("journal"),
    "keys": lambda: _("keys"),
    "open": lambda: _("certificates and configuration"),
}


class ProgressLine:
    """Says percents of each part; a part that is short is passed over in silence."""

    def __init__(self, out: OutputWrapper) -> None:
        self._out = out
        self._said = ("", -1)
        self._begun = False

    def tell(self, part: str, done: int, size: int) -> None:
        """Say how far a part is, when there is something new to say."""
        if size < (_LONG if part != "journal" else 100_000):
            return
        step = 1 if self._out.isatty() else 20
        percent = 100 * done // size // step * step
        if (part, percent) == self._said:
            return
        self._said = (part, percent)
        words = f"{_PARTS[part]()}: {percent} %"
        self._begun = self._out.isatty()
        self._out.write(f"\r{words}" if self._begun else words, ending="" if self._begun else "\n")

    def end(self) -> None:
        """Close the line."""
        if self._begun:
            self._out.write("")


def moment(at_ms: int) -> str:
    """Return a time as whoever restores at night must read it: to the second, in UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
