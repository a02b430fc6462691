"""The process that idles on the device: polls, answers panels, keeps the worker, and can stop it.

Standard library only, one thread, under 20 MiB. What it decides is in `poll_plan` and `keeper_plan`;
what it holds is built in `Supervisor.__init__`, which can be read aloud.
"""

import contextlib
import os
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

from bedside import __version__
from bedside.agent.board import Board
from bedside.agent.config import AgentConfig, notify_socket
from bedside.agent.desk import Desk
from bedside.agent.identity import Identity, load_identity, load_settings
from bedside.agent.journal import JournalError
from bedside.agent.keeper import Keeper, sweep_leftovers, worker_command
from bedside.agent.ledger import Ledger
from bedside.agent.moment import wall_ms
from bedside.agent.notify import notify
from bedside.agent.panels import PanelLink, Panels, SocketRights
from bedside.agent.poll_plan import PollPlan
from bedside.agent.poller import Poller, PollEvents, PollState
from bedside.agent.raised import lower, raised
from bedside.agent.reactor import READ, Reactor
from bedside.agent.scribe import Scribe
from bedside.agent.site.state import SiteFiles
from bedside.agent.tether import sweep
from bedside.agent.work import Work
from bedside.protocol.poll import Message
from bedside.protocol.shapes import JournalHead, Relay
from bedside.vocabulary import Activity, Ending, Gate, JournalAction, Outcome, PollMode

__all__ = ["Supervisor", "main"]

_NOTIFY_MS = 10_000
_DISTRUST_MS = 10 * 60_000
_START_MS = 5_000
_STOP_MS = 500


class Supervisor:
    """The agent's first process, from start to SIGTERM.

    Args:
        config: where things are.
        worker: the worker's command; another program in tests of the supervisor alone.

    Raises:
        NotEnrolledError: there is no identity.
        JournalError: the journal cannot be continued.
    """

    def __init__(self, config: AgentConfig, *, worker: list[str] | None = None) -> None:
        self.config = config
        self.reactor = Reactor()
        self.identity: Identity = load_identity(config.identity_dir)
        self.settings_path = config.state_dir / "configuration.json"
        settings = load_settings(self.settings_path, self.identity)
        # A worker that an earlier supervisor left behind may have the journal in its hand.
        self._swept = sweep_leftovers(config.state_dir / "worker.json")
        self.ledger = Ledger(config.journal_dir, self.identity.device, patience_ms=_START_MS)
        self._head = self.ledger.head()
        self.scribe = Scribe(
            self.reactor,
            self.ledger.journal,
            faulty=self._journal_refuses,
            settled=lambda: self.work.tend(),  # noqa: PLW0108 - made below
        )
        self.board = Board(
            self.identity,
            settings,
            verification=config.state_dir / "verification.json",
            policy=SiteFiles(config).number,
            changed=self._tell_panels,
        )
        self.work = Work(
            self.reactor,
            lambda on_line, on_exit: Keeper(
                self.reactor,
                worker or worker_command(()),
                config.state_dir / "worker.json",
                users=config.session_users,
                on_line=on_line,
                on_exit=on_exit,
            ),
            config=config,
            identity=self.identity,
            ledger=self.ledger,
            scribe=self.scribe,
            board=self.board,
            handled=lambda message_id: self.poller.handled(message_id),  # noqa: PLW0108 - made below
            configured=self._configured,
            renewed=self._renewed,
            now_ms=wall_ms,
        )
        self.desk = Desk(self.work, self.ledger, self.scribe, self.board)
        self.poller = Poller(
            self.reactor,
            PollPlan(settings.relays, _any_share),
            self._context,
            events=PollEvents(
                state=self._poll_state,
                message=self._message,
                answered=self._answered,
                refused=self._refused,
                failed=self._failed,
            ),
            instance=os.urandom(16).hex(),
            proxy=config.proxy,
        )
        self.panels: Panels | None = None
        self._contexts: dict[tuple[Path, tuple[str, ...]], ssl.SSLContext] = {}
        self._polled_with_next = False
        self._distrust_next_until_ms = 0
        self._told_failures: set[tuple[str, str]] = set()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        self._begin()
        self._watch_signals()
        with raised():
            self.panels = Panels(
                self.reactor,
                self.config.panel_socket,
                rights=SocketRights(self.config.panel_users, self.config.panel_groups),
                on_hello=self._hello,
                on_message=self.desk.obey,
            )
        self.poller.start()
        self.work.tend()
        self._notify("READY=1")
        try:
            self.reactor.run()
        finally:
            self._end()

    def _begin(self) -> None:
        users = self.config.session_users
        left = sweep(users, [one.session for one in self.ledger.open_sessions()])
        detail: dict[str, str | int | bool] = {"found": "at start", "swept": self._swept}
        if left:
            detail["processes_left"] = left
        self.work.endings.close(Ending.DEVICE_LOST, detail)
        self._note(
            JournalAction.AGENT_PROCESS_STARTED,
            detail={"version": __version__, "runs_as": users.words(service=False)},
        )
        if not self.identity.matches_hardware(self.config.hardware_files):
            self.board.set_fault(Gate.INSTANCE)
            self._note(
                JournalAction.DEVICE_CLONE_DETECTED, outcome=Outcome.REFUSED, gate=Gate.INSTANCE
            )
        self.scribe.begin()

    def _end(self) -> None:
        self.poller.hang_up()
        self.work.end()
        if self.panels is not None:
            with raised():
                self.panels.close()
        self._note(JournalAction.AGENT_PROCESS_STOPPED)
        self.scribe.settle(_STOP_MS)
        self.ledger.close()
        self.reactor.close()

    def _note(self, action: JournalAction, **facts: Any) -> None:
        """Write an entry of what is so whether or not it can be written."""

        def act() -> None:
            self.ledger.write(action, **facts)
            self.work.wrote()

        self.scribe.do(act)

    def _journal_refuses(self, refused: bool) -> None:  # noqa: FBT001 - the one fact of a round
        if refused:
            self.board.set_fault(Gate.JOURNAL)
        elif self.board.fault is Gate.JOURNAL and self.ledger.is_writable():
            self.board.set_fault(None)

    def _watch_signals(self) -> None:
        ours, theirs = socket.socketpair()
        for sock in (ours, theirs):
            sock.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._wakeup = (ours, theirs)
        self.reactor.watch(ours, READ, lambda _: self.reactor.stop())

    def _notify(self, words: str) -> None:
        path = notify_socket()
        if path is not None:
            notify(path, words)
            self.reactor.later(_NOTIFY_MS, lambda: self._notify("WATCHDOG=1"))

    # ---- what the poller asks and tells ----

    def _context(self) -> ssl.SSLContext:
        following = self.identity.next
        if self.reactor.now_ms() < self._distrust_next_until_ms:
            following = None
        self._polled_with_next = following is not None
        keys = following or self.identity.current
        revoked = self.board.settings.revoked
        known = keys.folder.resolve(), revoked
        if known not in self._contexts:
            self._contexts = {known: self.identity.context(keys, revoked=revoked)}
        return self._contexts[known]

    def _poll_state(self) -> PollState:
        # Where somebody has the journal at this moment, the head of before is as true.
        with contextlib.suppress(JournalError):
            self._head = self.ledger.head()
        head = self._head
        settings = self.board.settings
        # While somebody is asked or inside, news comes at once whatever the mode.
        held = settings.poll_mode is PollMode.HELD or self.board.activity is not Activity.IDLE
        return PollState(
            activity=self.board.activity,
            journal=JournalHead(size=head.size, head=head.hash),
            version=__version__,
            configuration=settings.serial,
            mode=PollMode.HELD if held else PollMode.INTERVAL,
        )

    def _message(self, message: Message, relay: Relay, port: int) -> None:
        self.board.console_ms = wall_ms()
        self.work.take(message, relay, port)

    def _answered(self, relay: Relay, relay_now_ms: int) -> None:
        del relay_now_ms  # a relay's clock changes nothing here: what is signed carries its times
        if self._polled_with_next:
            self.identity.promote_next()
            self._polled_with_next = False
            self._note(JournalAction.DEVICE_CERTIFICATE_RENEWED)
        self._told_failures.clear()
        self.board.polled(relay.name, wall_ms())

    def _refused(self, relay: Relay, gate: Gate) -> None:
        if self.board.set_fault(gate):
            self._note(
                JournalAction.RELAY_CONNECTION_REFUSED,
                outcome=Outcome.REFUSED,
                gate=gate,
                detail={"relay": relay.name},
            )

    def _failed(self, relay: Relay, reason: str) -> None:
        self.board.unreachable()
        if reason == "certificate" and (relay.name, reason) not in self._told_failures:
            self._told_failures.add((relay.name, reason))
            self._note(
                JournalAction.RELAY_CONNECTION_REFUSED,
                outcome=Outcome.REFUSED,
                gate=Gate.CERTIFICATE,
                detail={"relay": relay.name},
            )
        if self._polled_with_next:
            # The old keys are still good: a renewal that went wrong must not cut the device off.
            self._polled_with_next = False
            self._distrust_next_until_ms = self.reactor.now_ms() + _DISTRUST_MS

    def _renewed(self) -> None:
        self.poller.hang_up()
        self.poller.start()

    def _configured(self) -> None:
        before = self.board.settings
        self.board.settings = load_settings(self.settings_path, self.identity)
        if self.board.settings.relays != before.relays:
            self.poller.use_relays(self.board.settings.relays)
        self._tell_panels()

    def _hello(self, _link: PanelLink) -> None:
        # Who changes something here by a command says hello after it: it concerns every panel,
        # and is in the journal.
        self._tell_panels()
        self.work.tend()

    def _tell_panels(self) -> None:
        if self.panels is not None:
            self.panels.tell(self.board.status(wall_ms()))


def _any_share() -> float:
    """Return a random number from 0 to below 1; `random` would cost the idle device memory."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


def main() -> None:
    """Run the supervisor with the configuration in descriptor `argv[1]`."""
    with open(int(sys.argv[1]), "rb") as file:  # noqa: PTH123 - a descriptor has no path
        config = AgentConfig.from_json(file.read())
    lower(config.worker_user)
    Supervisor(config).run()
