"""The terminals of one session, as whoever joined it sees them (S37).

1. Who watches sees the newest terminal: the same bytes as its owner, from now on.
2. Who watches changes nothing and delays nothing: what a slow line cannot take is left out there,
   and the terminal is drawn anew once it can.
3. The owner of the terminal reads who watches, and who no longer does; all read who controls (R10).
4. Keys of whoever joined and controls go to the terminal that is shown.
"""

from collections.abc import Callable
from typing import Protocol

from bedside.agent.ssh.helm import Heir, Helm, Seat, Turn
from bedside.agent.ssh.words import turn_line

__all__ = ["Press", "Screen", "Stage", "Watcher"]

Press = Callable[[bool], None]
"""Tells whoever types to wait, or to go on."""


class Screen(Protocol):
    """A terminal that can be watched."""

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        ...

    def say(self, text: str) -> None:
        """Show a line to the terminal's owner."""
        ...

    def redraw(self) -> None:
        """Have what runs on it draw it anew."""
        ...

    def type(self, data: bytes, press: Press) -> None:
        """Hand keys of whoever joined to what runs on it."""
        ...


class Watcher(Protocol):
    """Somebody who watches."""

    def show(self, data: bytes) -> None:
        """Take what the terminal shows."""
        ...

    def turned(self, size: tuple[int, int] | None) -> None:
        """Hear that another terminal is shown from now on, of this size; None for none."""
        ...

    def say(self, text: str) -> None:
        """Show a line to whoever watches."""
        ...


class Stage:
    """Which terminals are open, who watches them, and who controls (`helm`)."""

    def __init__(self) -> None:
        self._screens: list[Screen] = []
        self._watchers: dict[Watcher, Seat] = {}
        self.helm = Helm(self._say_turn)

    @property
    def watchers(self) -> int:
        """How many terminals of whoever joined, and may be handed control, are open."""
        return list(self._watchers.values()).count(Seat.JOINED)

    @property
    def size(self) -> tuple[int, int] | None:
        """Columns and rows of the terminal that is shown; None where none is open."""
        return self._screens[-1].size if self._screens else None

    def opened(self, screen: Screen) -> None:
        """Show a terminal that was just opened."""
        self._screens.append(screen)
        self._turn()

    def closed(self, screen: Screen) -> None:
        """Show the one before it again, if it was shown."""
        if screen not in self._screens:
            return
        shown = self._screens[-1]
        self._screens.remove(screen)
        if screen is shown:
            self._turn()
            self.redraw()

    def shows(self, screen: Screen, data: bytes) -> None:
        """Pass on what `screen` shows, to whoever watches it."""
        if self._watchers and screen is self._screens[-1]:
            for watcher in tuple(self._watchers):
                watcher.show(data)

    def watch(self, watcher: Watcher, line: str, *, seat: Seat = Seat.JOINED) -> None:
        """Let `watcher` see from now on; the owners of the terminals read `line`."""
        self._watchers[watcher] = seat
        watcher.turned(self.size)
        self._say(line)
        self.redraw()

    def leave(self, watcher: Watcher, line: str) -> None:
        """Show `watcher` nothing more."""
        if watcher in self._watchers:
            del self._watchers[watcher]
            self._say(line)
            self.helm.watched(self.watchers)

    def type(self, data: bytes, press: Press) -> None:
        """Hand keys to the terminal that is shown; the caller has asked who controls."""
        if self._screens:
            self._screens[-1].type(data, press)

    def redraw(self) -> None:
        """Have the terminal that is shown drawn anew, if somebody watches it."""
        if self._watchers and self._screens:
            self._screens[-1].redraw()

    def _turn(self) -> None:
        for watcher in tuple(self._watchers):
            watcher.turned(self.size)

    def _say_turn(self, turn: Turn, heir: Heir) -> None:
        self._say(turn_line(turn, Seat.STARTED, heir))
        for watcher, seat in tuple(self._watchers.items()):
            watcher.say(turn_line(turn, seat, heir))

    def _say(self, line: str) -> None:
        for screen in tuple(self._screens):
            screen.say(line)
