"""Whose handshake comes next: so many at once, so many in line, the rest told to come later.

Rules:
1. At most `at_once` handshakes are under way, so each has its time and none that began runs out of it.
2. Everybody waits in line, first come, first served; those who bring a tunnel's leg before the
   others, because somebody waits for each of them.
3. Whoever finds the line full is busy: they are told so before a handshake is spent on them. A leg
   finds room where others do not.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Turns"]

K = TypeVar("K", bound=Hashable)


class Turns(Generic[K]):
    """Handshakes under way, and the line before them.

    Args:
        at_once: how many may be under way.
        in_line: how many may wait; as many legs again.
    """

    def __init__(self, at_once: int, in_line: int) -> None:
        self._at_once = at_once
        self._in_line = in_line
        self._legs: dict[K, None] = {}
        self._others: dict[K, None] = {}
        self.under_way = 0

    @property
    def waiting(self) -> int:
        """How many are in line."""
        return len(self._legs) + len(self._others)

    def arrive(self, key: K, *, leg: bool) -> bool:
        """Put a newcomer into the line; False when it is full (3)."""
        if self.waiting >= (2 if leg else 1) * self._in_line:
            return False
        (self._legs if leg else self._others)[key] = None
        return True

    def next(self) -> K | None:
        """Take out whoever's turn has come, now under way; None when it is nobody's."""
        line = self._legs or self._others
        if not line or self.under_way >= self._at_once:
            return None
        key = next(iter(line))
        del line[key]
        self.under_way += 1
        return key

    def leave(self, key: K) -> None:
        """Take somebody out of the line, if they are in it."""
        self._legs.pop(key, None)
        self._others.pop(key, None)

    def over(self) -> None:
        """A handshake is over, well or badly."""
        self.under_way -= 1
