"""The supervisor's hand in the journal: it never waits for who holds it, and forgets nothing it owes.

The worker, or a command of somebody at the device, may have the journal's lock, and may hang or be
stopped with it. Stop must work all the same (R13): so once the reactor runs, an act gets the lock at
once or is tried again by a timer.

Rules held here:

1. Acts are done in the order in which they were given; a held journal keeps that order.
2. An act that was interrupted is begun again: it looks first what is done already.
3. What is owed (an ending, S26) is tried until it is done, over a full disk and a failed one.
4. What is not owed and cannot be written is given up, and says so: by `failed`, and as a fault.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bedside.agent.journal import Journal, JournalError, JournalHeldError
from bedside.agent.reactor import Reactor, Timer

__all__ = ["Scribe"]

_FIRST_PAUSE_MS = 5
_LONGEST_PAUSE_MS = 500
_OWED_PAUSE_MS = 5_000
_ASKED_LIMIT_MS = 2_000
_MAX_ACTS = 256


@dataclass(slots=True, eq=False)
class _Act:
    """Something to do in the journal; `failed` is who waits for it, until `until_ms`."""

    do: Callable[[], object]
    owed: bool
    failed: Callable[[], None] | None
    until_ms: int


class Scribe:
    """Does acts in the journal as soon as it is free; raises nothing of what they raise.

    Args:
        reactor: the loop that drives it.
        journal: taken without patience from `begin` on.
        faulty: told after each round whether the journal refused something.
        settled: called when what had to wait is done.
    """

    def __init__(
        self,
        reactor: Reactor,
        journal: Journal,
        *,
        faulty: Callable[[bool], None],
        settled: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._journal = journal
        self._faulty = faulty
        self._settled = settled
        self._acts: list[_Act] = []
        self._timer: Timer | None = None
        self._pause_ms = _FIRST_PAUSE_MS
        self._working = False

    @property
    def waits(self) -> bool:
        """Whether something is still to be done: until then no worker may write after it."""
        return bool(self._acts)

    def begin(self) -> None:
        """From now on the reactor runs: nobody is waited for any more."""
        self._journal.lock.patience_ms = 0

    def do(self, act: Callable[[], object], *, failed: Callable[[], None] | None = None) -> None:
        """Do `act` once; `failed` is called when the journal cannot, or is held for two seconds."""
        until_ms = self._reactor.now_ms() + _ASKED_LIMIT_MS
        self._take(_Act(act, owed=False, failed=failed, until_ms=until_ms))

    def owe(self, act: Callable[[], object]) -> None:
        """Do `act` however long it takes until the journal takes it."""
        self._take(_Act(act, owed=True, failed=None, until_ms=0))

    def settle(self, limit_ms: int) -> None:
        """Turn the reactor until nothing waits, but no longer than `limit_ms`."""
        until = time.monotonic() + limit_ms / 1000
        while self._acts and time.monotonic() < until:
            self._reactor.later(_FIRST_PAUSE_MS, lambda: None)
            self._reactor.turn()

    def _take(self, act: _Act) -> None:
        if len(self._acts) >= _MAX_ACTS and not act.owed:
            self._give_up(act)
            return
        self._acts.append(act)
        if not self._working:
            self._work()

    def _come_back(self) -> None:
        self._work()
        if not self._acts:
            self._settled()

    def _work(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._working = True
        try:
            pause_ms = self._work_through()
        finally:
            self._working = False
        if self._acts:
            self._timer = self._reactor.later(pause_ms, self._come_back)

    def _work_through(self) -> int:
        """Try every act, in order; return when to come back, in milliseconds, if any is left."""
        place, refused = 0, False
        # An act may ask for another one: the list may grow meanwhile.
        while place < len(self._acts):
            act = self._acts[place]
            try:
                self._journal.recover()
                act.do()
            except JournalHeldError:
                self._give_up_late()
                self._pause_ms = min(self._pause_ms * 2, _LONGEST_PAUSE_MS)
                return self._pause_ms
            except (JournalError, OSError):
                refused = True
                if act.owed:
                    place += 1
                else:
                    self._give_up(act)
            else:
                self._acts.remove(act)
        self._pause_ms = _FIRST_PAUSE_MS
        self._faulty(refused)
        return _OWED_PAUSE_MS

    def _give_up_late(self) -> None:
        now_ms = self._reactor.now_ms()
        for act in list(self._acts):
            if act.failed is not None and now_ms >= act.until_ms:
                self._faulty(True)
                self._give_up(act)

    def _give_up(self, act: _Act) -> None:
        if act in self._acts:
            self._acts.remove(act)
        if act.failed is not None:
            act.failed()
