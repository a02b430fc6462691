"""The person at the device, for journeys: sees what a panel sees, presses what a panel presses."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from bedside.language import Language
from bedside.protocol import local
from bedside.protocol.errors import ProtocolError
from bedside.vocabulary import HelpTopic

__all__ = ["Operator"]

PATIENCE_S = 60.0


class Operator:
    """A panel without a screen, over the agent's real Unix socket; OSError when nobody listens.

    Every method that waits raises TimeoutError with the last status it saw.
    """

    def __init__(self, panel_socket: Path) -> None:
        self._ids = itertools.count(1)
        self._line = socket.socket(socket.AF_UNIX)
        try:
            self._line.connect(str(panel_socket))
        except OSError:
            self._line.close()
            raise
        self._changed = threading.Condition()
        self._answers: dict[int, local.Done | local.Failed] = {}
        self._pages: list[local.JournalPage] = []
        self.lost = False
        self.status: local.Status | None = None
        self.seen: list[local.Status] = []
        self._send(local.Hello(id=next(self._ids), language=Language.ENGLISH))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Walk away: the line is closed."""
        with contextlib.suppress(OSError):
            # The agent may be gone first.
            self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()
        self._reader.join(5)

    def _read(self) -> None:
        reader = local.LineReader()
        try:
            while data := self._line.recv(65536):
                reader.receive(data)
                while (line := reader.next()) is not None:
                    self._take(local.parse_from_agent(line))
        except (OSError, ProtocolError):
            # Told below, to whoever waits.
            pass
        with self._changed:
            self.lost = True
            self._changed.notify_all()

    def _take(self, message: local.FromAgent) -> None:
        with self._changed:
            match message:
                case local.Status():
                    self.status = message
                    self.seen.append(message)
                case local.JournalPage():
                    self._pages.append(message)
                case _:
                    self._answers[message.id] = message
            self._changed.notify_all()

    def _send(self, message: local.FromPanel) -> None:
        self._line.sendall(local.to_line(message))

    def _wait(self, ready: Callable[[], bool], what: str, within_s: float) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: ready() or self.lost, within_s) or not ready():
                raise TimeoutError(f"{what}; lost={self.lost}; last status: {self.status}")

    def wait_for(
        self, what: str, seen: Callable[[local.Status], bool], *, within_s: float = PATIENCE_S
    ) -> local.Status:
        """Return the first status for which `seen` holds; `what` names it if it never comes."""
        self._wait(lambda: self.status is not None and seen(self.status), what, within_s)
        assert self.status is not None
        return self.status

    def asked(self, *, within_s: float = PATIENCE_S) -> local.AskedRequest:
        """Wait until somebody asks to come in, and return who and why."""
        request = self.wait_for("a request", lambda s: s.request is not None, within_s=within_s)
        assert request.request is not None
        return request.request

    def accept(self, name: str = "Luc Roy") -> str:
        """Allow what is asked, with a name; returns the presence code."""
        request = self.asked()
        self._act(local.Accept(id=next(self._ids), session=request.session, name=name))
        return self.presence_code()

    def refuse(self) -> None:
        """Refuse what is asked."""
        request = self.asked()
        self._act(local.Refuse(id=next(self._ids), session=request.session))

    def ask_help(self, topic: HelpTopic, name: str = "") -> None:
        """Ask the manufacturer for help."""
        self._act(local.AskHelp(id=next(self._ids), topic=topic, name=name))

    def presence_code(self) -> str:
        """Read the code off the screen."""
        status = self.wait_for("the presence code", lambda s: s.presence_code is not None)
        assert status.presence_code is not None
        return status.presence_code

    def stop(self) -> None:
        """Press Stop, and wait until the agent says it is done."""
        self._act(local.Stop(id=next(self._ids)))

    def verify(self, name: str = "Luc Roy") -> None:
        """Confirm with a name that the device was verified after service."""
        status = self.wait_for("a verification", lambda s: s.verification is not None)
        assert status.verification is not None
        session = status.verification.session
        self._act(local.Verified(id=next(self._ids), session=session, name=name))

    def journal(self, *, before: int | None = None, limit: int = 100) -> local.JournalPage:
        """Return a page of the device's journal, newest first."""
        with self._changed:
            self._pages.clear()
        self._send(local.JournalQuery(id=next(self._ids), before=before, limit=limit))
        self._wait(lambda: bool(self._pages), "a page of the journal", PATIENCE_S)
        return self._pages[0]

    def _act(self, command: local.FromPanel) -> None:
        self._send(command)
        self._wait(lambda: command.id in self._answers, f"the answer to {command}", PATIENCE_S)
        answer = self._answers[command.id]
        if isinstance(answer, local.Failed):
            raise PermissionError(f"{answer.code}: {answer.sentence}")
