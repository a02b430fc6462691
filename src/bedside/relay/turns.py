"""Whose handshake comes next: so many at once, so many in line, the rest told to come later.

Rules:
1. At most `at_once` handshakes are under way, so each has its time and none that began runs out of it.
2. Everybody waits in line, first come, first served; those who bring a tunnel's leg before the
   others, because somebody waits for each of them.
3. Whoever finds the line full is busy: they are told so before a handshake is spent on them. A leg
   finds room where others do not.
4. One source has so many under way; its others stand aside meanwhile: whoever begins handshakes and
   never ends them delays those behind the same address only.
"""

from collections import Counter
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Turns"]

K = TypeVar("K", bound=Hashable)


class Turns(Generic[K]):
    """Handshakes under way, and the line before them.

    Args:
        at_once: how many may be under way.
        in_line: how many may wait; as many legs again.
        per_source: how many of one source may be under way.
    """

    def __init__(self, at_once: int, in_line: int, per_source: int) -> None:
        self._at_once = at_once
        self._in_line = in_line
        self._per_source = per_source
        self._legs: dict[K, str] = {}
        self._others: dict[K, str] = {}
        self._aside: dict[str, dict[K, bool]] = {}
        self._stands: dict[K, str] = {}
        self._begun: Counter[str] = Counter()
        self.under_way = 0

    @property
    def waiting(self) -> int:
        """How many are in line, those who stand aside among them."""
        return len(self._legs) + len(self._others) + len(self._stands)

    def arrive(self, key: K, source: str, *, leg: bool) -> bool:
        """Put a newcomer into the line; False when it is full (3)."""
        if self.waiting >= (2 if leg else 1) * self._in_line:
            return False
        self._line(leg=leg)[key] = source
        return True

    def next(self) -> K | None:
        """Take out whoever's turn has come, now under way; None when it is nobody's."""
        while self.under_way < self._at_once and (line := self._legs or self._others):
            key = next(iter(line))
            source = line.pop(key)
            if self._begun[source] < self._per_source:
                self._begun[source] += 1
                self.under_way += 1
                return key
            self._aside.setdefault(source, {})[key] = line is self._legs
            self._stands[key] = source
        return None

    def leave(self, key: K) -> None:
        """Take somebody out of the line, if they are in it."""
        self._legs.pop(key, None)
        self._others.pop(key, None)
        source = self._stands.pop(key, None)
        if source is not None:
            self._step_in(source, key)

    def over(self, source: str) -> None:
        """A handshake of this source is over, well or badly; one that stood aside has its place (4)."""
        self.under_way -= 1
        self._begun[source] -= 1
        if not self._begun[source]:
            del self._begun[source]
        if source in self._aside:
            key = next(iter(self._aside[source]))
            del self._stands[key]
            self._line(leg=self._step_in(source, key))[key] = source

    def _line(self, *, leg: bool) -> dict[K, str]:
        return self._legs if leg else self._others

    def _step_in(self, source: str, key: K) -> bool:
        """Take `key` from those of its source who stand aside; whether it brings a leg."""
        aside = self._aside[source]
        leg = aside.pop(key)
        if not aside:
            del self._aside[source]
        return leg
