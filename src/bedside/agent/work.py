"""What the supervisor has its worker do: messages, consent, stop, sync, renewal; and its loss.

Every ending that the worker cannot write any more is written here: a session never stays half open
(S26), and Stop takes effect within a second whatever the worker does (R13).
"""

from collections.abc import Callable
from typing import Any

from bedside.agent.board import Board
from bedside.agent.config import AgentConfig
from bedside.agent.identity import Identity
from bedside.agent.journal import JournalError
from bedside.agent.keeper import Keeper
from bedside.agent.keeper_plan import (
    STOP_LIMIT_MS,
    WorkerFacts,
    WorkerStep,
    next_worker_step,
    restart_delay_ms,
    sync_delay_ms,
)
from bedside.agent.ledger import Ledger, OpenedSession
from bedside.agent.reactor import Reactor, Timer
from bedside.protocol.fields import Fields
from bedside.protocol.local import Verification
from bedside.protocol.poll import Message
from bedside.protocol.shapes import Relay
from bedside.vocabulary import Ending, Gate, JournalAction, Mode, Outcome

__all__ = ["Answer", "Work"]

_TEND_MS = 2_000
_MAX_TRIES = 3
_RENEW_AGAIN_MS = 3_600_000
_END_MS = 1_500

Answer = Callable[[Gate | None], None]
KeeperMaker = Callable[[Callable[[dict[str, Any]], None], Callable[[bool], None]], Keeper]


class Work:
    """The supervisor's side of the worker.

    Args:
        reactor: the loop that drives it.
        make_keeper: makes the hold on the worker from its two callbacks.
        config, identity, ledger, board: the supervisor's own.
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
        self._board = board
        self._handled = handled
        self._configured = configured
        self._renewed = renewed
        self._wall_ms = now_ms
        self._messages: dict[str, dict[str, Any]] = {}
        self._tries: dict[str, int] = {}
        self._answers: dict[int, Answer] = {}
        self._next_answer = 0
        self._losses = 0
        self._not_before_ms = 0
        self._sync_tries = 0
        self._sync_at_ms = 0
        self._renew_at_ms = 0
        self._acknowledged = -1
        self._stop_asked_ms: int | None = None
        self._timer: Timer | None = None
        self._ending = False

    # ---- what others ask of it ----

    def take(self, message: Message, relay: Relay, port: int) -> None:
        """Have the worker deal with a sealed message that came through `relay`."""
        told = {**message.to_dict(), "do": "message", "relay": relay.to_dict(), "port": port}
        self._messages[message.id] = told
        if self._keeper.running:
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
            self._close_open(Ending.BY_OPERATOR, {"by": "supervisor"})
            answer(None)
            return
        self.ask({"do": "stop"}, answer)
        if self._stop_asked_ms is None:
            self._stop_asked_ms = self._reactor.now_ms()
            self._reactor.later(STOP_LIMIT_MS, self.tend)

    def tend(self) -> None:
        """Start, kill or leave the worker; comes back by itself while there is a reason to."""
        if self._ending:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_ms = self._reactor.now_ms()
        facts = WorkerFacts(
            running=self._keeper.running,
            has_work=bool(self._messages) or self._sync_is_due(now_ms) or self._renewal_is_due(),
            heard_ms=self._keeper.heard_ms,
            stop_asked_ms=self._stop_asked_ms,
            not_before_ms=self._not_before_ms,
        )
        step = next_worker_step(facts, now_ms)
        if step is WorkerStep.KILL:
            self._keeper.kill()
        elif step is WorkerStep.START:
            self._start()
        self._come_back(facts, now_ms)

    def end(self) -> None:
        """Let the worker end what is open, then kill it; nothing starts any more."""
        self._ending = True
        if self._keeper.running:
            self._keeper.tell({"do": "leave"})
            self._reactor.later(_END_MS, self._keeper.kill)
            while self._keeper.running:
                self._reactor.turn()
        self._close_open(Ending.DEVICE_LOST, {"by": "supervisor"})

    def after_session(self, ended: OpenedSession) -> None:
        """Require a person's verification after control that was live (R11)."""
        if ended.live and ended.mode is Mode.CONTROL:
            due = Verification(
                session=ended.session,
                person=ended.person or "?",
                at_ms=self._ledger.last_entry_ms(),
                changes=(),
            )
            self._board.require_verification(due)

    # ---- the worker's life ----

    def _start(self) -> None:
        self._keeper.start()
        self._keeper.tell({"do": "begin", "config": self._config.to_json()})
        for message_id, told in self._messages.items():
            self._tries[message_id] = self._tries.get(message_id, 0) + 1
            self._keeper.tell(told)
        if self._renewal_is_due():
            self._renew_at_ms = self._reactor.now_ms() + _RENEW_AGAIN_MS
            self._keeper.tell({"do": "renew"})
        if self._news():
            now_ms = self._reactor.now_ms()
            self._sync_at_ms = now_ms + sync_delay_ms(self._sync_tries)
            self._sync_tries += 1
            self._keeper.tell({"do": "sync"})

    def _come_back(self, facts: WorkerFacts, now_ms: int) -> None:
        if self._keeper.running:
            self._timer = self._reactor.later(_TEND_MS, self.tend)
        elif facts.has_work:
            self._timer = self._reactor.later(self._not_before_ms - now_ms, self.tend)
        elif self._news():
            self._timer = self._reactor.later(self._sync_at_ms - now_ms, self.tend)
        else:
            self._timer = self._reactor.later(3_600_000, self.tend)

    def _exited(self, in_order: bool) -> None:  # noqa: FBT001 - the one fact of an exit
        stopped, self._stop_asked_ms = self._stop_asked_ms is not None, None
        opened = self._ledger.open_sessions()
        if opened or not in_order:
            self._journal_loss(stopped=stopped)
        ending = Ending.BY_OPERATOR if stopped else Ending.FAILED
        self._close_open(ending, {"by": "supervisor"})
        self._losses = 0 if in_order else self._losses + 1
        self._not_before_ms = self._reactor.now_ms() + restart_delay_ms(self._losses)
        for answer in list(self._answers.values()):
            answer(None if stopped else Gate.DEVICE_STATE)
        self._answers.clear()
        self._give_up_poison()
        self._board.clear()
        self.tend()

    def _journal_loss(self, *, stopped: bool) -> None:
        try:
            self._ledger.write(
                JournalAction.AGENT_WORKER_LOST,
                outcome=Outcome.FAILURE,
                detail={"stopped": stopped},
            )
        except JournalError:
            self._board.set_fault(Gate.JOURNAL)

    def _close_open(self, ending: Ending, detail: dict[str, str | int | bool]) -> None:
        try:
            ended = self._ledger.end_open_sessions(ending, detail)
        except JournalError:
            self._board.set_fault(Gate.JOURNAL)
            return
        for one in ended:
            self.after_session(one)

    def _give_up_poison(self) -> None:
        for message_id, tries in list(self._tries.items()):
            if tries < _MAX_TRIES:
                continue
            try:
                self._ledger.write(
                    JournalAction.ORDER_DOCUMENT_REFUSED,
                    outcome=Outcome.REFUSED,
                    gate=Gate.ORDER_MALFORMED,
                    detail={"message": message_id},
                )
            except JournalError:
                self._board.set_fault(Gate.JOURNAL)
                return
            self._done_with(message_id)

    def _done_with(self, message_id: str) -> None:
        self._messages.pop(message_id, None)
        self._tries.pop(message_id, None)
        self._handled(message_id)

    # ---- what the worker says ----

    def _hear(self, said: dict[str, Any]) -> None:
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
                self._board.require_verification(Verification.from_fields(Fields(said["due"])))
            case "answer":
                self._answered(int(said["answer"]), said["gate"])
            case unknown:
                raise ValueError(f"the worker said {unknown}")

    def _answered(self, number: int, gate: str | None) -> None:
        answer = self._answers.pop(number, None)
        if self._stop_asked_ms is not None and not self._ledger.open_sessions():
            self._stop_asked_ms = None
        if answer is not None:
            answer(Gate(gate) if gate else None)

    # ---- reasons to start it ----

    def _sync_is_due(self, now_ms: int) -> bool:
        return now_ms >= self._sync_at_ms and self._news()

    def _news(self) -> bool:
        """Whether the journal holds what the console should know and has not acknowledged."""
        try:
            acknowledged = self._ledger.journal.acknowledged().size
            if acknowledged != self._acknowledged:
                self._acknowledged, self._sync_tries = acknowledged, 0
            return self._ledger.has_news_after(acknowledged)
        except JournalError:
            return False

    def _renewal_is_due(self) -> bool:
        begin, end = self._identity.current.validity_ms
        if self._identity.next is not None or self._reactor.now_ms() < self._renew_at_ms:
            return False
        return self._wall_ms() >= begin + (end - begin) * 2 // 3
