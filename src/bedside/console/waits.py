"""How long writers wait for their turn: told to whoever measures, to nobody by default."""

from collections.abc import Callable

__all__ = ["listen_to_waits", "waited"]

_listeners: list[Callable[[float], None]] = []


def listen_to_waits(listener: Callable[[float], None]) -> None:
    """Call `listener` with the seconds of each wait from now on."""
    _listeners.append(listener)


def waited(seconds: float) -> None:
    """A writing transaction had to wait so long for its turn."""
    for listener in _listeners:
        listener(seconds)
