"""One timer wheel for everything that waits: a dictionary entry per deadline, no timer objects.

A fleet of held polls has tens of thousands of deadlines that are nearly all cancelled before they
fall due. A slot is a fraction of a second; a deadline is kept to within one slot, never early.
"""

from typing import Generic, TypeVar

__all__ = ["Wheel"]

K = TypeVar("K")
_Slot = tuple[int, dict[K, None]]


class Wheel(Generic[K]):
    """Deadlines by (hashable) key, at most one for each key; time is the caller's, in milliseconds."""

    def __init__(self, slot_ms: int = 50) -> None:
        self._slot_ms = slot_ms
        # All keys of a slot share its number: one for each of a fleet's would be a megabyte.
        self._slots: dict[int, _Slot[K]] = {}
        self._slot_of: dict[K, _Slot[K]] = {}
        self._next: int | None = None

    def __len__(self) -> int:
        return len(self._slot_of)

    def __contains__(self, key: K) -> bool:
        return key in self._slot_of

    def set(self, key: K, at_ms: int) -> None:
        """Let `key` fall due at `at_ms` or up to one slot later; replaces its earlier deadline."""
        slot = -(-at_ms // self._slot_ms)
        if self._next is not None and slot < self._next:
            slot = self._next
        before = self._slot_of.get(key)
        if before is not None:
            if before[0] == slot:
                return
            self.cancel(key)
        found = self._slots.get(slot)
        if found is None:
            found = self._slots[slot] = (slot, {})
        self._slot_of[key] = found
        found[1][key] = None

    def hasten(self, key: K, at_ms: int) -> None:
        """Let `key` fall due at `at_ms` where its deadline is later; without one nothing changes."""
        found = self._slot_of.get(key)
        if found is not None and found[0] * self._slot_ms > at_ms:
            self.set(key, at_ms)

    def cancel(self, key: K) -> None:
        """Forget `key`'s deadline, if it has one."""
        found = self._slot_of.pop(key, None)
        if found is None:
            return
        slot, keys = found
        del keys[key]
        if not keys:
            del self._slots[slot]

    def due(self, now_ms: int) -> list[K]:
        """Take out and return the keys whose time has come, earliest slot first.

        A clock that was set back makes deadlines late, never lost.
        """
        current = now_ms // self._slot_ms
        if self._next is not None and current < self._next:
            self._next = min(self._next, current + 1)
        if self._next is None or current - self._next > len(self._slots):
            ripe = sorted(slot for slot in self._slots if slot <= current)
        else:
            ripe = [slot for slot in range(self._next, current + 1) if slot in self._slots]
        self._next = current + 1
        keys: list[K] = []
        for slot in ripe:
            keys += self._slots.pop(slot)[1]
        for key in keys:
            del self._slot_of[key]
        return keys
