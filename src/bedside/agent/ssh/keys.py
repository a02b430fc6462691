"""The keys of somebody who does not control: one takes control, the others reach nothing (R10)."""

from collections.abc import Callable

__all__ = ["TAKE_KEY", "IdleKeys"]

TAKE_KEY = b"\x14"
"""Ctrl-T."""


class IdleKeys:
    """What becomes of them on one channel.

    Args:
        take: asks for control.
        refused: writes down that a key was refused, and says so; called for the first one.
    """

    def __init__(self, *, take: Callable[[], None], refused: Callable[[], None]) -> None:
        self._take = take
        self._refused = refused
        self._told = False

    def pressed(self, data: bytes) -> None:
        """Take control, where that key was pressed and no other with it."""
        if data == TAKE_KEY:
            self._take()
        elif not self._told:
            self._told = True
            self._refused()
