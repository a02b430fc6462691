"""How long a session puts up with its relay: pure, and asked after each failure.

1. A relay that cannot be reached for four seconds is gone.
2. One that is reached and does not answer as the protocol says has so many tries, with pauses that
   grow: some ten seconds together.
3. So has one that pairs a leg with something that does not speak SSH.
4. An answer as the protocol says forgets 1 and 2; a stream that spoke SSH forgets 3.
5. One that is there and lets nobody in is asked for as long as a stream goes on, with pauses that
   grow to eight seconds; 1 begins when no stream is left.
"""

__all__ = ["LOST_AFTER_S", "NO_SSH", "UNREACHABLE", "Patience"]

LOST_AFTER_S = 4.0
UNREACHABLE = "unreachable"
NO_SSH = "no_ssh"
_HASTY_S = 0.05
_FAULTS = 9
_MUTE_STREAMS = 16
_PAUSES_S = (0.25, 0.5, 1.0, 2.0)
_SHUT_PAUSES_S = (*_PAUSES_S, 4.0, 8.0)


class Patience:
    """What happened so far between one session and its relay; times are of one monotonic clock.

    Args:
        lost_after_s: how long a relay may be out of reach (1).
    """

    def __init__(self, *, lost_after_s: float = LOST_AFTER_S) -> None:
        self._lost_after_s = lost_after_s
        self._reached = False
        self._unreachable_since: float | None = None
        self._faults = 0
        self._shut = 0
        self._mute = 0

    def reached(self) -> None:
        """A connection to the relay stands."""
        self._reached = True
        self._shut = 0
        self._unreachable_since = None

    def answered(self, after_s: float = _HASTY_S) -> bool:
        """The relay answered as the protocol says, so many seconds after it was asked.

        Returns whether it waited at all for a partner, where it says that nobody came.
        """
        if after_s >= _HASTY_S:
            self._faults = 0
        return after_s >= _HASTY_S

    def failed(self, now_s: float) -> float | None:
        """A leg came to nothing: return the seconds to wait before the next, or None to give up."""
        was_reached, self._reached = self._reached, False
        if was_reached:
            self._faults += 1
            pause = _PAUSES_S[min(self._faults, len(_PAUSES_S)) - 1]
            return pause if self._faults < _FAULTS else None
        if self._unreachable_since is None:
            self._unreachable_since = now_s
        return _PAUSES_S[0] if now_s - self._unreachable_since <= self._lost_after_s else None

    def shut(self) -> float:
        """The relay is there and let no leg in, and a stream goes on: return the seconds to wait."""
        self._reached, self._unreachable_since = False, None
        self._shut += 1
        return _SHUT_PAUSES_S[min(self._shut, len(_SHUT_PAUSES_S)) - 1]

    @property
    def is_unreachable(self) -> bool:
        """Whether the last failure was one of reaching the relay, and not of its answers."""
        return self._unreachable_since is not None

    def streamed(self, *, spoke_ssh: bool) -> bool:
        """A paired stream is over; return whether another one is worth a try."""
        self._mute = 0 if spoke_ssh else self._mute + 1
        return self._mute < _MUTE_STREAMS
