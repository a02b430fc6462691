"""The worker's end of the leash: start a process for a channel, signal it, know how it ended."""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bedside.agent.ssh.leash import MESSAGE_BYTES

__all__ = ["Child", "Command", "Leash", "LeashLostError"]

_END_SECONDS = 1.0


class LeashLostError(RuntimeError):
    """The helper that holds a session's processes is gone; nothing can be started any more."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run, in a clean environment of its own; `service` is the service application."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str = "/"
    service: bool = False


class Child:
    """One process that the leash started; `exited` becomes its status, negative for a signal."""

    def __init__(self, leash: "Leash", number: int, exited: asyncio.Future[int]) -> None:
        self._leash = leash
        self._number = number
        self.exited = exited
        self.pid = 0

    def signal(self, number: int) -> None:
        """Send signal `number` to the process group, if it is still there."""
        if not self.exited.done():
            self._leash.send({"do": "signal", "id": self._number, "signal": number})

    def hang_up(self) -> None:
        """Tell the process group that its line is closed."""
        self.signal(signal.SIGHUP)


class Leash:
    """Starts and holds every process of a session; `end` leaves none behind.

    Args:
        control: connected to the process that `bedside.agent.tether` started.
    """

    def __init__(self, control: socket.socket) -> None:
        control.setblocking(False)
        self._control = control
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next = 0
        self._starting: dict[int, asyncio.Future[int]] = {}
        self._children: dict[int, Child] = {}
        self._ended: asyncio.Future[int] | None = None
        self._lost = False

    async def spawn(self, command: Command, fds: Sequence[int]) -> Child:
        """Start `command` on three descriptors, or on one terminal; the caller closes its copies.

        Raises OSError with the reason if it cannot be started, LeashLostError if nothing can.
        """
        self._attach()
        number = self._next
        self._next += 1
        assert self._loop is not None
        starting: asyncio.Future[int] = self._loop.create_future()
        child = Child(self, number, self._loop.create_future())
        self._starting[number] = starting
        self._children[number] = child
        message = {
            "do": "spawn",
            "id": number,
            "argv": list(command.argv),
            "environment": dict(command.environment),
            "folder": command.folder,
            "service": command.service,
            "terminal": len(fds) == 1,
        }
        try:
            self._send_with_fds(message, fds)
            child.pid = await starting
        except (OSError, LeashLostError):
            self._children.pop(number, None)
            raise
        finally:
            self._starting.pop(number, None)
        return child

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message without an answer; a lost leash is noticed by its own closing."""
        with contextlib.suppress(OSError, LeashLostError):
            self._send_with_fds(message, ())

    async def end(self) -> int:
        """Kill every process of the session; return how many could not be killed (0).

        A leash that does not answer within a second is let go: it is the supervisor's then, and so
        is whatever it held; one process counts for all of it.
        """
        self._attach()
        if self._lost:
            return 0
        assert self._loop is not None
        self._ended = self._loop.create_future()
        self.send({"do": "end"})
        try:
            return await asyncio.wait_for(self._ended, _END_SECONDS)
        except LeashLostError:
            return 0
        except TimeoutError:
            self._lose()
            return 1

    def close(self) -> None:
        """Let the leash go: it ends whatever is left, then itself."""
        self._lose()

    def _attach(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._control, self._read)

    def _send_with_fds(self, message: Mapping[str, Any], fds: Sequence[int]) -> None:
        if self._lost:
            raise LeashLostError("the session's process helper is gone")
        data = json.dumps(message).encode()
        if len(data) > MESSAGE_BYTES:
            raise OSError(7, os.strerror(7))
        socket.send_fds(self._control, [data], list(fds))

    def _read(self) -> None:
        while True:
            try:
                data = self._control.recv(MESSAGE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lose()
                return
            self._obey(json.loads(data))

    def _obey(self, message: Mapping[str, Any]) -> None:
        match message["what"]:
            case "started":
                self._answer(message["id"], message["pid"], None)
            case "failed":
                error = OSError(message["errno"], os.strerror(message["errno"]))
                self._answer(message["id"], 0, error)
            case "exited":
                self._exited(message["id"], message["status"])
            case "ended":
                for number in list(self._children):
                    self._exited(number, -signal.SIGKILL)
                if self._ended is not None and not self._ended.done():
                    self._ended.set_result(message["left"])

    def _answer(self, number: int, pid: int, error: Exception | None) -> None:
        starting = self._starting.get(number)
        if starting is None or starting.done():
            return
        if error is not None:
            starting.set_exception(error)
        else:
            starting.set_result(pid)

    def _exited(self, number: int, status: int) -> None:
        child = self._children.pop(number, None)
        if child is not None and not child.exited.done():
            child.exited.set_result(status)

    def _lose(self) -> None:
        """There is no leash any more: what it held is ended by itself, or by the supervisor."""
        if self._lost:
            return
        self._lost = True
        if self._loop is not None:
            self._loop.remove_reader(self._control)
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # whoever else has a copy of it
        self._control.close()
        gone = LeashLostError("the session's process helper is gone")
        for starting in self._starting.values():
            if not starting.done():
                starting.set_exception(gone)
        for number in list(self._children):
            self._exited(number, -signal.SIGKILL)
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(gone)
