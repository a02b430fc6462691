"""The `worker` process: seals the journal, and does what is due.

Every duty stands by itself: one that fails is logged and tried again at its next turn, and keeps no
other from its work. Of several workers one does what is done once (`console.wake.turn`); the others
follow its seal, send what waits in the outbox, and wait to take over.
"""

import logging
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import close_old_connections, transaction
from django.db.models import Q

from bedside.console.accounts.repeats import do_forget_calls
from bedside.console.devices.actions import do_note_outdated, do_send_due_configurations
from bedside.console.health.queries import beats_of
from bedside.console.journal.actions import now_ms
from bedside.console.journal.export import log_folder
from bedside.console.journal.sealing import JournalDamagedError, Sequencer, SequencerBusyError
from bedside.console.journal.signer import log_signer
from bedside.console.live.absence import AWAY, Absence
from bedside.console.live.hearing import Hearing
from bedside.console.live.postman import Postman
from bedside.console.log import told
from bedside.console.monitoring.actions import do_forget_alarms, do_watch_silence
from bedside.console.notices.actions import do_forget_sent
from bedside.console.people.reviews import do_review_duty
from bedside.console.relays.actions import (
    do_expire_messages,
    do_forget_old,
    do_note_relays,
    do_revoke_replaced,
)
from bedside.console.service_sessions.actions import (
    do_end_due_glass,
    do_end_due_sessions,
    do_end_sessions_at_lost_relay,
)
from bedside.console.wake.turn import Turn

__all__ = ["Clockwork", "Duty"]

_log = logging.getLogger("bedside.worker")
_SEAL_MS = 100
_FOLLOW_MS = 1_000
_AWAY_S = 1.0


@dataclass
class Duty:
    """Something to do every `every_ms`; `act` takes the time in Unix milliseconds."""

    name: str
    every_ms: int
    act: Callable[[int], Any]
    due_ms: int = field(default=0)
    """When its turn comes, monotonic milliseconds: nobody can set that clock back."""
    by_all: bool = False
    """Whether workers that follow another do it too."""
    done: int = 0
    failed: int = 0
    done_ms: int = 0
    """When it was last done, Unix milliseconds."""
    seconds: float = 0.0
    """How long it has taken in all."""


class Clockwork:
    """Runs duties until it is stopped; `run` returns when the duty under way is done."""

    def __init__(self, waker: socket.socket, *more: Duty) -> None:
        self._waker = waker
        self._sequencer: Sequencer | None = None
        self._turn = Turn()
        self._leads = True
        self._standing_by = False
        self._absence = Absence(_log)
        self._stopped = False
        self._hearing = Hearing(since_ms=now_ms())
        self._clock_ms = 0
        self._duties = [
            Duty("seal", _SEAL_MS, self._seal, by_all=True),
            # Before those that ask since when relays could be heard; whoever takes over knows it too.
            Duty("hearing", 5_000, self._look_for_live, by_all=True),
            Duty("sessions", 1_000, lambda now: do_end_due_sessions(now=now)),
            Duty("glass", 1_000, lambda now: do_end_due_glass(now=now)),
            Duty("configurations", 1_000, lambda now: do_send_due_configurations(now=now)),
            Duty("messages", 5_000, _expire),
            Duty("relays", 15_000, self._lose_silent_relays),
            Duty("new_keys", 15_000, _revoke_replaced),
            Duty("silence", 15_000, self._watch_silence),
            Duty("forget", 600_000, _forget),
            Duty("alarms", 600_000, lambda now: do_forget_alarms(now=now)),
            Duty("reviews", 3_600_000, lambda now: do_review_duty(now=now)),
            *more,
        ]

    @property
    def duties(self) -> tuple[Duty, ...]:
        """Every duty, with how it went so far."""
        return tuple(self._duties)

    def stop(self, *_: object) -> None:
        """Stop after the duty under way."""
        self._stopped = True

    def run(self) -> None:
        """Do what is due until `stop`; SIGTERM and SIGINT stop it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        postman = Postman()
        postman.start()
        try:
            while not self._stopped:
                started = time.monotonic()
                close_old_connections()
                if not self.turn(now_ms(), clock_ms=int(started * 1000)):
                    time.sleep(_AWAY_S)
                # A nudge ends the wait, but one seal covers all that was written in a tenth of a second.
                self._wait(max(_SEAL_MS / 1000 - (time.monotonic() - started), 0.01))
        finally:
            postman.stop()
            self._drop()
            self._turn.close()

    def turn(self, now: int, *, clock_ms: int) -> bool:
        """Do each duty whose time has come; return False where the database is away.

        The first duty decides whether this worker has the turn for all others.

        Args:
            now: Unix milliseconds, which the duties go by.
            clock_ms: monotonic milliseconds, by which it is known when a duty is due.
        """
        self._clock_ms = clock_ms
        self._hearing.turn(now, clock_ms=clock_ms)
        for duty in self._duties:
            if clock_ms < duty.due_ms or self._stopped or not (self._leads or duty.by_all):
                continue
            due_ms, duty.due_ms = duty.due_ms, clock_ms + duty.every_ms
            started = time.perf_counter()
            try:
                duty.act(now)
                duty.done += 1
                duty.done_ms = now
                self._absence.back()
            except AWAY as error:
                duty.due_ms = due_ms
                duty.failed += 1
                self._absence.lost(error)
                return False
            except Exception:  # noqa: BLE001 - see the head of this module
                _log.exception(
                    "the duty %s failed and will be tried again",
                    duty.name,
                    extra=told("duty_failed", duty=duty.name),
                )
                duty.failed += 1
            duty.seconds += time.perf_counter() - started
        return True

    def _seal(self, now: int) -> None:
        self._leads = self._turn.mine()
        try:
            if self._sequencer is None:
                self._sequencer = Sequencer(log_folder(), log_signer())
                self._standing_by = False
            if not self._leads:
                self._seal_in(_FOLLOW_MS)
                self._sequencer.follow()
            while self._leads and self._sequencer.seal(now=now) and not self._stopped:
                pass
        except SequencerBusyError:
            # It is the other worker of this host that seals here, or follows.
            self._turn.close()
            self._leads = False
            if not self._standing_by:
                _log.info(
                    "another worker seals the journal; standing by", extra=told("standing_by")
                )
            self._standing_by = True
            self._seal_in(2_000)
        except JournalDamagedError:
            self._seal_in(60_000)
            self._drop()
            raise
        except Exception:
            self._drop()
            raise

    def _seal_in(self, wait_ms: int) -> None:
        self._duties[0].due_ms = self._clock_ms + wait_ms

    def _look_for_live(self, now: int) -> None:
        self._hearing.look(beats_of("live"), now, clock_ms=self._clock_ms)

    def _lose_silent_relays(self, now: int) -> None:
        with transaction.atomic():
            for relay in do_note_relays(now=now, awake_ms=self._hearing.since_ms):
                do_end_sessions_at_lost_relay(relay, now=now)

    def _watch_silence(self, now: int) -> None:
        do_watch_silence(now=now, awake_ms=self._hearing.since_ms)

    def _drop(self) -> None:
        # What is half done is taken up again by a new sequencer, from what is committed.
        if self._sequencer is not None:
            self._sequencer.close()
            self._sequencer = None

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)
        readable, _, _ = select.select([self._waker], [], [], _SEAL_MS / 1000)
        if readable:
            try:
                while self._waker.recv(64):
                    pass
            except BlockingIOError:
                return


def _expire(now: int) -> None:
    with transaction.atomic():
        do_expire_messages(now=now)


def _revoke_replaced(now: int) -> None:
    with transaction.atomic():
        if do_revoke_replaced(now=now):
            do_note_outdated(Q())


def _forget(now: int) -> None:
    with transaction.atomic():
        do_forget_old(now=now)
        do_forget_sent(now=now)
        do_forget_calls(now=now)
