"""A process on a channel: pipes or a terminal, both directions, signals, and its exit status."""

import contextlib
import fcntl
import os
import signal

import asyncssh

from bedside.agent.ssh.children import Child, Command
from bedside.agent.ssh.context import SessionContext
from bedside.agent.ssh.keys import IdleKeys
from bedside.agent.ssh.pump import CHUNK, FdReader, FdWriter
from bedside.agent.ssh.stage import Press
from bedside.agent.ssh.terminal import Terminal
from bedside.audit.entry import DetailValue
from bedside.vocabulary import AccessKind

__all__ = ["ChannelProcess", "Terminal"]

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SIGNALS = frozenset({"ABRT", "ALRM", "HUP", "INT", "KILL", "PIPE", "QUIT", "TERM", "USR1", "USR2"})
_LOCALES = {"en": "en_US.UTF-8", "fr": "fr_CA.UTF-8"}


class ChannelProcess:
    """Runs one command for one channel.

    Args:
        context: the session.
        chan: the channel.
        terminal: the terminal that it has, or None for pipes.
        keys: gets what is typed on the terminal while somebody else controls.
    """

    def __init__(
        self,
        context: SessionContext,
        chan: asyncssh.SSHServerChannel[bytes],
        terminal: Terminal | None,
        keys: IdleKeys,
    ) -> None:
        self._context = context
        self._chan = chan
        self._terminal = terminal
        self._keys = keys
        self._press_typist: Press | None = None
        self._child: Child | None = None
        self._input: FdWriter | None = None
        self._outputs: list[FdReader] = []
        self._open_outputs = 0
        self._status: int | None = None
        self._sent = self._received = 0
        self._over = False

    async def start(self, argv: tuple[str, ...]) -> None:
        """Start `argv`; raises OSError when it cannot be."""
        service = self._context.grant.access is AccessKind.SERVICE
        command = Command(argv=argv, environment=self._environment(), service=service)
        if self._terminal is not None:
            theirs = self._open_terminal(self._terminal)
        else:
            theirs = self._open_pipes()
        try:
            self._child = await self._context.leash.spawn(command, theirs)
        except Exception:
            self.connection_lost()
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        for output in self._outputs:
            output.resume()
        if self._terminal is not None:
            self._context.stage.opened(self)
        self._child.exited.add_done_callback(lambda future: self._exited(future.result()))

    def _environment(self) -> dict[str, str]:
        client = self._chan.get_environment()
        environment = {
            "PATH": _PATH,
            "HOME": "/",
            "USER": str(self._context.grant.access),
            "LOGNAME": str(self._context.grant.access),
            "LANG": _LOCALES[self._context.grant.language],
            **{name: client[name] for name in client},
            "BEDSIDE_SESSION": self._context.grant.session,
            "BEDSIDE_MODE": str(self._context.grant.mode),
        }
        if self._terminal is not None:
            environment["TERM"] = self._terminal.kind
        return environment

    def _open_terminal(self, terminal: Terminal) -> list[int]:
        master, slave = terminal.open()
        os.set_blocking(master, False)
        self._input = FdWriter(os.dup(master), self._press)
        self._add_output(master, None)
        return [slave]

    def _open_pipes(self) -> list[int]:
        stdin, ours = os.pipe()
        self._input = FdWriter(ours, self._press)
        theirs = [stdin]
        for datatype in (None, asyncssh.EXTENDED_DATA_STDERR):
            ours, write = os.pipe()
            with contextlib.suppress(OSError):  # the user's limit of pipe memory: then it is small
                fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, CHUNK)
            self._add_output(ours, datatype)
            theirs.append(write)
        return theirs

    def _add_output(self, fd: int, datatype: int | None) -> None:
        self._outputs.append(
            FdReader(fd, lambda data: self._send(data, datatype), self._output_ended)
        )
        self._open_outputs += 1

    # -- out ---------------------------------------------------------------------------------------

    def _send(self, data: bytes, datatype: int | None) -> None:
        if self._chan.is_closing():
            return
        self._sent += len(data)
        self._context.count_sent(len(data))
        self._chan.write(data, datatype)
        if self._terminal is not None:
            self._context.stage.shows(self, data)

    def _output_ended(self) -> None:
        self._open_outputs -= 1
        self._report()

    def _exited(self, status: int) -> None:
        self._status = status
        if self._terminal is not None:
            # Whoever was left in the background may hold the terminal: it is closed all the same.
            for output in self._outputs:
                output.drain()
            self._open_outputs = 0
        self._report()

    def _report(self) -> None:
        """Once the process has ended and all its output is read, say how and close."""
        if self._status is None or self._open_outputs or self._over:
            return
        self._over = True
        self._close_line()
        if self._chan.is_closing():
            return
        if self._status >= 0:
            self._chan.exit(self._status)
            return
        name = signal.Signals(-self._status).name.removeprefix("SIG")
        self._chan.exit_with_signal(name if name in _SIGNALS else "TERM", core_dumped=False)

    # -- in ----------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the process; keys on a terminal only from whoever controls."""
        self._received += len(data)
        if self._terminal is not None and not self._context.controls:
            self._keys.pressed(data)
        elif self._input is not None:
            self._input.write(data)
            if self._input.pressed:
                self._chan.pause_reading()

    def eof_received(self) -> None:
        """Close the process's input; a terminal has no end of input of its own."""
        if self._input is not None and self._terminal is None:
            self._input.finish()

    def pause_writing(self) -> None:
        """Read no more output for now; the process feels it."""
        for output in self._outputs:
            output.pause()

    def resume_writing(self) -> None:
        """Read output again."""
        for output in self._outputs:
            output.resume()

    def signal_received(self, name: str) -> None:
        """Send a signal that a client may send: on a terminal it is a key."""
        if self._terminal is not None and not self._context.controls:
            return
        if self._child is not None and name in _SIGNALS:
            self._child.signal(signal.Signals["SIG" + name])

    def connection_lost(self) -> None:
        """Close the process's line and hang up; whatever survives that dies with the session."""
        self._over = True
        for output in self._outputs:
            output.close()
        self._close_line()
        if self._child is not None:
            self._child.hang_up()

    def _close_line(self) -> None:
        if self._input is not None:
            self._input.close()
        if self._terminal is not None:
            self._terminal.closed()
            self._context.stage.closed(self)

    # -- for whoever watches (`stage.Screen`) ------------------------------------------------------

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal; of none, nothing."""
        return self._terminal.size if self._terminal is not None else (0, 0)

    def say(self, text: str) -> None:
        """Show a line to whoever has the terminal."""
        if not self._chan.is_closing():
            self._chan.write(text.encode())

    def type(self, data: bytes, press: Press) -> None:
        """Hand keys of whoever joined to the process; `press` lets them feel when it is too much."""
        self._press_typist = press
        if self._input is not None:
            self._input.write(data)

    def redraw(self) -> None:
        """Have what runs on the terminal draw it anew."""
        if self._terminal is not None:
            self._terminal.redraw()

    def closing_detail(self) -> dict[str, DetailValue]:
        """Return what the journal says of a channel that is over."""
        detail: dict[str, DetailValue] = {
            "bytes_sent": self._sent,
            "bytes_received": self._received,
        }
        if self._status is not None:
            detail["exit_status"] = self._status
        return detail

    def _press(self, pressed: bool) -> None:  # noqa: FBT001
        if self._press_typist is not None:
            self._press_typist(pressed)
        if not pressed:
            self._chan.resume_reading()
        elif self._terminal is None or self._context.controls:
            # Else it is somebody else who types too much: this person's Ctrl-T is read all the same.
            self._chan.pause_reading()
