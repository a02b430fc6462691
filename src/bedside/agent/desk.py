"""What a panel may ask of the agent, and what it is answered; every act ends in the journal."""

from collections.abc import Callable

from bedside.agent.board import Board
from bedside.agent.ledger import Ledger
from bedside.agent.moment import wall_ms
from bedside.agent.panels import PanelLink
from bedside.agent.scribe import Scribe
from bedside.agent.work import Work
from bedside.audit.entry import Actor, ActorKind, Thing
from bedside.language import Language
from bedside.protocol.errors import LocalMisuseError
from bedside.protocol.local import (
    Accept,
    AskHelp,
    Done,
    Failed,
    FromPanel,
    JournalPage,
    JournalQuery,
    Refuse,
    Stop,
    Verified,
    to_line,
)
from bedside.vocabulary import Gate, JournalAction

__all__ = ["Desk"]


class Desk:
    """Answers panels.

    Args:
        work: the supervisor's hold on the worker.
        ledger: the journal.
        scribe: reads and writes it as soon as it is free.
        board: what panels show.
    """

    def __init__(self, work: Work, ledger: Ledger, scribe: Scribe, board: Board) -> None:
        self._work = work
        self._ledger = ledger
        self._scribe = scribe
        self._board = board

    def obey(self, link: PanelLink, message: FromPanel) -> None:
        """Do what `message` asks, or say on `link` why not."""
        match message:
            case Accept() | Refuse():
                self._answer_request(link, message)
            case Stop():
                self._work.stop(self._reply(link, message.id))
            case AskHelp():
                self._ask_help(link, message)
            case Verified():
                self._verify(link, message)
            case JournalQuery():
                self._show_journal(link, message)

    def _answer_request(self, link: PanelLink, message: Accept | Refuse) -> None:
        asked = self._board.request
        if asked is None or asked.session != message.session:
            _fail(link, message.id, None)
            return
        question = (
            {"do": "accept", "name": message.name}
            if isinstance(message, Accept)
            else {"do": "refuse"}
        )
        self._work.ask({**question, "session": message.session}, self._reply(link, message.id))

    def _ask_help(self, link: PanelLink, message: AskHelp) -> None:
        """Write that help was asked for; the journal's report opens the case at the console."""
        if not self._board.may_ask_help(wall_ms()):
            _fail(link, message.id, Gate.LIMIT)
            return
        detail: dict[str, str | int | bool] = {
            "topic": str(message.topic),
            "activity": str(self._board.activity),
        }
        if self._board.fault is not None:
            detail["state"] = str(self._board.fault)
        operator = Actor(ActorKind.OPERATOR, "operator", message.name.strip() or "-")

        def act() -> None:
            self._ledger.write(JournalAction.DEVICE_HELP_ASKED, actor=operator, detail=detail)
            self._board.asked_help(wall_ms())

        self._write(link, message.id, act)

    def _verify(self, link: PanelLink, message: Verified) -> None:
        due = self._board.verification
        if due is None or due.session != message.session or self._board.session is not None:
            _fail(link, message.id, None)
            return

        def act() -> None:
            self._ledger.write(
                JournalAction.DEVICE_SERVICE_VERIFIED,
                session=message.session,
                object=Thing("session", message.session),
                actor=Actor(ActorKind.OPERATOR, "operator", message.name),
            )
            self._board.clear_verification()

        self._write(link, message.id, act)

    def _write(self, link: PanelLink, number: int, act: Callable[[], None]) -> None:
        """Do what a person did, in the journal first, and answer."""

        def act_and_answer() -> None:
            act()
            link.send(Done(number))
            self._work.wrote()

        self._scribe.do(act_and_answer, failed=lambda: _fail(link, number, Gate.JOURNAL))

    def _show_journal(self, link: PanelLink, message: JournalQuery) -> None:
        self._scribe.do(
            lambda: link.send(self._page(message)),
            failed=lambda: _fail(link, message.id, Gate.JOURNAL),
        )

    def _page(self, message: JournalQuery) -> JournalPage:
        limit = message.limit
        while True:
            entries, more = self._ledger.page(message.before, limit)
            page = JournalPage(entries=tuple(entries), more=more)
            try:
                to_line(page)
            except LocalMisuseError:
                # Long entries: fewer of them fit in a line; the panel asks on from there.
                limit = max(limit // 2, 1)
            else:
                return page

    def _reply(self, link: PanelLink, number: int) -> Callable[[Gate | None], None]:
        def reply(gate: Gate | None) -> None:
            if gate is None:
                link.send(Done(number))
            else:
                _fail(link, number, gate)

        return reply


def _fail(link: PanelLink, number: int, gate: Gate | None) -> None:
    """Say why not: a gate, or None when it was no longer asked."""
    from bedside.agent.words import NOT_ASKED, refusal_sentence

    code = NOT_ASKED if gate is None else str(gate)
    link.send(Failed(number, code, refusal_sentence(code, link.language or Language.ENGLISH)))
