"""What the supervisor has its worker do: messages, consent, stop, sync, renewal; and its loss.

Every ending that the worker cannot write any more is written here: a session never stays half open
(S26), and Stop takes effect within a second whatever the worker does (R13). The journal is the
scribe's: while something waits to be written, no worker starts, or it would write behind it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from bedside.agent.board import Board
from bedside.agent.config import AgentConfig
from bedside.agent.endings import Endings
from bedside.agent.identity import Identity
from bedside.agent.journal import JournalError, JournalHeldError
from bedside.agent.keeper import Keeper
from bedside.agent.keeper_plan import (
    LOOK_MS,
    STOP_LIMIT_MS,
    WorkerFacts,
    WorkerStep,
    next_worker_step,
    restart_delay_ms,
    sync_delay_ms,
)
from bedside.agent.ledger import Ledger
from bedside.agent.reactor import Reactor, Timer
from bedside.agent.scribe import Scribe
from bedside.protocol.fields import Fields
from bedside.protocol.local import Verification
from bedside.protocol.poll import Message
from bedside.protocol.shapes import Relay
from bedside.vocabulary import Ending, Gate, JournalAction, Outcome

__all__ = ["Answer", "Work"]

_MAX_LOSSES = 3
_RENEW_AGAIN_MS = 3_600_000
_END_MS = 1_500
_END_LIMIT_MS = 4_000
_SETTLE_MS = 1_500
_ANSWER_MS = 250
_LOOK_AGAIN_MS = 1_000
_HOUR_MS = 3_600_000
_BY_SUPERVISOR = {"by": "supervisor"}
_BY_US = ("stopped", "shutdown")

Answer = Callable[[Gate | None], None]
KeeperMaker = Callable[[Callable[[dict[str, Any]], None], Callable[[str], None]], Keeper]


class Work:
    """The supervisor's side of the worker.

    Args:
        reactor: the loop that drives it.
        make_keeper: makes the hold on the worker from its two callbacks.
        config, identity, ledger, scribe, board: the supervisor's own.
        handled: told the id of each message that the worker has dealt with.
        configured: called when the worker stored a new configuration.
        renewed: called when there is a new key set to poll with.
        now_ms: the wall clock, Unix milliseconds.
    """

    def __init__(
        self,
        reactor: Reactor,
        make_keeper: KeeperMaker,
        *,
        config: AgentConfig,
        identity: Identity,
        ledger: Ledger,
        scribe: Scribe,
        board: Board,
        handled: Callable[[str], None],
        configured: Callable[[], None],
        renewed: Callable[[], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._reactor = reactor
        self._keeper = make_keeper(self._hear, self._exited)
        self._config = config
        self._identity = identity
        self._ledger = ledger
        self._scribe = scribe
        self._board = board
        self.endings = Endings(scribe, ledger, board, now_ms=now_ms)
        self._handled = handled
        self._configured = configured
        self._renewed = renewed
        self._wall_ms = now_ms
        self._messages: dict[str, dict[str, Any]] = {}
        self._lost_over: dict[str, int] = {}
        self._answers: dict[int, Answer] = {}
        self._next_answer = 0
        self._losses = 0
        self._has_spoken = False
        self._silent_looks = 0
        self._looked_ms = 0
        self._not_before_ms = 0
        self._sync_tries = 0
        self._sync_at_ms = 0
        self._renew_at_ms = 0
        self._acknowledged = -1
        self._unread = False
        self._stop_asked_ms: int | None = None
        self._timer: Timer | None = None
        self._ending = False

    # ---- what others ask of it ----

    def take(self, message: Message, relay: Relay, port: int) -> None:
        """Have the worker deal with a sealed message that came through `relay`."""
        told = {**message.to_dict(), "do": "message", "relay": relay.to_dict(), "port": port}
        # A relay gives it again until it is dealt with; the next worker goes to the one that did last.
        is_new = message.id not in self._messages
        self._messages[message.id] = told
        if is_new and self._keeper.running:
            self._keeper.tell(told)
        self.tend()

    def ask(self, question: dict[str, Any], answer: Answer) -> None:
        """Ask the worker; `answer` gets None when it was done, or the gate that refused."""
        if not self._keeper.running:
            answer(Gate.DEVICE_STATE)
            return
        self._next_answer += 1
        self._answers[self._next_answer] = answer
        self._keeper.tell({**question, "answer": self._next_answer})

    def stop(self, answer: Answer) -> None:
        """End whatever is open, within a second, with or without the worker's help."""
        if not self._keeper.running:
            self._close(Ending.BY_OPERATOR, [answer], None)
            return
        self.ask({"do": "stop"}, answer)
        if self._stop_asked_ms is None:
            self._stop_asked_ms = self._reactor.now_ms()
            self._reactor.later(STOP_LIMIT_MS, self.tend)

    def wrote(self) -> None:
        """The supervisor wrote an entry: the console hears of it now, whoever has to be started."""
        self._keeper.tell({"do": "news"})
        # Not now: until the scribe has put its pen down, no worker starts.
        self._reactor.later(0, self.tend)

    def tend(self) -> None:
        """Start, kill or leave the worker; comes back by itself while there is a reason to."""
        if self._ending:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_ms = self._reactor.now_ms()
        if now_ms - self._looked_ms >= LOOK_MS:
            self._looked_ms = now_ms
            self._silent_looks += 1
        facts = WorkerFacts(
            running=self._keeper.running,
            has_work=not self._scribe.waits and self._has_work(now_ms),
            has_spoken=self._has_spoken,
            silent_looks=self._silent_looks,
            stop_asked_ms=self._stop_asked_ms,
            not_before_ms=self._not_before_ms,
        )
        step = next_worker_step(facts, now_ms)
        if step is WorkerStep.KILL:
            self._kill()
        elif step is WorkerStep.START:
            self._start()
        else:
            # It watches us as we watch it.
            self._keeper.tell({"do": "alive"})
        self._timer = self._reactor.later(self._pause_ms(facts, now_ms), self.tend)

    def end(self) -> None:
        """Let the worker end what is open, then kill it; nothing starts any more."""
        self._ending = True
        until_ms = self._reactor.now_ms() + _END_LIMIT_MS
        if self._keeper.running:
            self._keeper.tell({"do": "leave"})
            self._reactor.later(_END_MS, lambda: self._keeper.kill("shutdown"))
            self._reactor.later(_END_LIMIT_MS, lambda: None)
        while self._keeper.running and self._reactor.now_ms() < until_ms:
            self._reactor.turn()
        self.endings.close(Ending.DEVICE_LOST, _BY_SUPERVISOR)
        self._scribe.settle(_SETTLE_MS)

    # ---- the worker's life ----

    def _start(self) -> None:
        try:
            self._keeper.start()
        except OSError:
            # No process, no memory: as good as a worker that is lost again and again.
            self._losses = max(self._losses + 1, 2)
            self._not_before_ms = self._reactor.now_ms() + restart_delay_ms(self._losses)
            return
        self._has_spoken, self._silent_looks, self._looked_ms = False, 0, self._reactor.now_ms()
        self._keeper.tell({"do": "begin", "config": self._config.to_json()})
        for told in self._messages.values():
            self._keeper.tell(told)
        if self._renewal_is_due():
            self._renew_at_ms = self._reactor.now_ms() + _RENEW_AGAIN_MS
            self._keeper.tell({"do": "renew"})
        if self._news():
            now_ms = self._reactor.now_ms()
            self._sync_at_ms = now_ms + sync_delay_ms(self._sync_tries)
            self._sync_tries += 1
            self._keeper.tell({"do": "sync"})

    def _kill(self) -> None:
        self._keeper.kill("silent" if self._stop_asked_ms is None else "stopped")
        self._reactor.later(_ANSWER_MS, partial(self._outlived, self._keeper.pid))

    def _outlived(self, pid: int | None) -> None:
        """Where a disk keeps a killed worker from dying, it does nothing more all the same."""
        alive = pid is not None and self._keeper.pid == pid
        if alive and self._stop_asked_ms is not None:
            _answer_all(self._taken_answers(), None)

    def _pause_ms(self, facts: WorkerFacts, now_ms: int) -> int:
        if self._keeper.running:
            return LOOK_MS
        if self._scribe.waits:
            return _LOOK_AGAIN_MS
        if facts.has_work:
            return self._not_before_ms - now_ms
        if self._news():
            return self._sync_at_ms - now_ms
        return _LOOK_AGAIN_MS if self._unread else _HOUR_MS

    def _exited(self, lost: str) -> None:
        stopped, self._stop_asked_ms = self._stop_asked_ms is not None, None
        self._losses = self._losses + 1 if lost else 0
        self._not_before_ms = self._reactor.now_ms() + restart_delay_ms(self._losses)
        self._board.clear()
        self.endings.note_loss(lost, stopped=stopped)
        ending = Ending.BY_OPERATOR if stopped else Ending.FAILED
        self._close(ending, self._taken_answers(), None if stopped else Gate.DEVICE_STATE)
        if self._has_spoken and lost and lost not in _BY_US:
            self._suspect_messages()
        self.tend()

    def _close(self, ending: Ending, answers: list[Answer], gate: Gate | None) -> None:
        """End what is open; `answers` wait for that, but not for a journal that somebody holds."""
        self.endings.close(ending, _BY_SUPERVISOR, done=lambda: _answer_all(answers, gate))
        self._reactor.later(_ANSWER_MS, lambda: _answer_all(answers, gate))

    def _taken_answers(self) -> list[Answer]:
        answers = list(self._answers.values())
        self._answers.clear()
        return answers

    def _suspect_messages(self) -> None:
        """Count the loss for each message it had; refuse one over which a worker is lost again and again."""
        for message_id in list(self._messages):
            losses = self._lost_over[message_id] = self._lost_over.get(message_id, 0) + 1
            if losses >= _MAX_LOSSES:
                self._scribe.do(partial(self._refuse_poison, message_id))

    def _refuse_poison(self, message_id: str) -> None:
        self._ledger.write(
            JournalAction.ORDER_DOCUMENT_REFUSED,
            outcome=Outcome.REFUSED,
            gate=Gate.ORDER_MALFORMED,
            detail={"message": message_id},
        )
        self._done_with(message_id)

    def _done_with(self, message_id: str) -> None:
        self._messages.pop(message_id, None)
        self._lost_over.pop(message_id, None)
        self._handled(message_id)

    # ---- what the worker says ----

    def _hear(self, said: dict[str, Any]) -> None:
        self._has_spoken, self._silent_looks = True, 0
        match said["do"]:
            case "alive":
                pass
            case "show":
                self._board.show(said["board"])
            case "handled":
                # It works: a later loss is not one more of a row of starts that came to nothing.
                self._losses = 0
                self._done_with(str(said["id"]))
            case "configured":
                self._configured()
            case "renewed":
                self._renewed()
            case "verify":
                due = Verification.from_fields(Fields(said["due"]))
                self._scribe.owe(lambda: self._board.require_verification(due))
            case "answer":
                self._answered(int(said["answer"]), said["gate"])
            case unknown:
                raise ValueError(f"the worker said {unknown}")

    def _answered(self, number: int, gate: str | None) -> None:
        answer = self._answers.pop(number, None)
        if self._stop_asked_ms is not None:
            self._scribe.do(self._check_stopped)
        if answer is not None:
            answer(Gate(gate) if gate else None)

    def _check_stopped(self) -> None:
        """Believe that the worker obeyed Stop when the journal says so; else it is killed."""
        if not self._ledger.open_sessions():
            self._stop_asked_ms = None

    # ---- reasons to start it ----

    def _has_work(self, now_ms: int) -> bool:
        sync_is_due = now_ms >= self._sync_at_ms and self._news()
        return bool(self._messages) or sync_is_due or self._renewal_is_due()

    def _news(self) -> bool:
        """Whether the journal holds what the console should know and has not acknowledged."""
        self._unread = False
        try:
            acknowledged = self._ledger.journal.acknowledged().size
            if acknowledged != self._acknowledged:
                self._acknowledged, self._sync_tries = acknowledged, 0
            return self._ledger.has_news_after(acknowledged)
        except JournalHeldError:
            self._unread = True
            return False
        except JournalError:
            return False

    def _renewal_is_due(self) -> bool:
        begin, end = self._identity.current.validity_ms
        if self._identity.next is not None or self._reactor.now_ms() < self._renew_at_ms:
            return False
        return self._wall_ms() >= begin + (end - begin) * 2 // 3


def _answer_all(answers: list[Answer], gate: Gate | None) -> None:
    """Give each answer once, however often this is called."""
    while answers:
        answers.pop()(gate)
