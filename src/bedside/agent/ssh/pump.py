"""Moves bytes between an SSH channel and file descriptors, with the pressure of either end kept.

Not `process.redirect`: it starts a second reader when a channel resumes, and then loses the
connection. Here each descriptor has one reader, called by the loop, that reads what is there once.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Protocol

__all__ = ["CHUNK", "FdReader", "FdWriter"]

CHUNK = 256 * 1024
"""Bytes read at once: large enough that Python's own cost per read vanishes."""
_BACKLOG = 256 * 1024


class _Sink(Protocol):
    def __call__(self, data: bytes, /) -> None: ...


class FdReader:
    """Reads a descriptor and hands every chunk to `sink`; at its end, or an error, calls `ended`.

    Owns the descriptor: it is closed at the end or by `close`.
    """

    def __init__(self, fd: int, sink: _Sink, ended: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._sink = sink
        self._ended = ended
        self._paused = True
        os.set_blocking(fd, False)

    def resume(self) -> None:
        """Read whenever there is something."""
        if self._paused and self._fd >= 0:
            self._paused = False
            self._loop.add_reader(self._fd, self._ready)

    def pause(self) -> None:
        """Stop reading until `resume`; the writer at the other end feels it."""
        if not self._paused and self._fd >= 0:
            self._paused = True
            self._loop.remove_reader(self._fd)

    def _ready(self) -> None:
        try:
            data = os.read(self._fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:  # a terminal whose last process is gone says EIO
            data = b""
        if data:
            self._sink(data)
        else:
            self.close()
            self._ended()

    def drain(self) -> None:
        """Read what is there now, past any pause, then close: the process has exited."""
        with contextlib.suppress(OSError):
            while self._fd >= 0 and (data := os.read(self._fd, CHUNK)):
                self._sink(data)
        self.close()

    def close(self) -> None:
        """Let the descriptor go."""
        self.pause()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class FdWriter:
    """Writes to a descriptor; calls `pressure(True)` when too much waits and `pressure(False)` after.

    Owns the descriptor: it is closed by `close`, by `finish` once all is written, or when nobody
    reads at the other end (what comes then is dropped, as a pipe would).
    """

    def __init__(self, fd: int, pressure: Callable[[bool], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._pressure = pressure
        self._waiting = bytearray()
        self._pressed = False
        self._finishing = False
        os.set_blocking(fd, False)

    @property
    def pressed(self) -> bool:
        """Whether too much waits."""
        return self._pressed

    def write(self, data: bytes) -> None:
        """Write `data`, or keep it until the descriptor takes it."""
        if self._fd < 0:
            return
        if not self._waiting:
            try:
                done = os.write(self._fd, data)
            except BlockingIOError:
                done = 0
            except OSError:
                self.close()
                return
            if done == len(data):
                return
            data = data[done:]
            self._loop.add_writer(self._fd, self._ready)
        self._waiting += data
        if len(self._waiting) > _BACKLOG and not self._pressed:
            self._pressed = True
            self._pressure(True)

    def _ready(self) -> None:
        try:
            done = os.write(self._fd, self._waiting)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self._waiting[:done]
        if self._waiting:
            return
        self._loop.remove_writer(self._fd)
        if self._finishing:
            self.close()
        elif self._pressed:
            self._pressed = False
            self._pressure(False)

    def finish(self) -> None:
        """Close as soon as everything is written."""
        self._finishing = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        """Let the descriptor go, with whatever waits."""
        if self._fd < 0:
            return
        if self._waiting:
            self._loop.remove_writer(self._fd)
            self._waiting.clear()
        os.close(self._fd)
        self._fd = -1
        if self._pressed:
            self._pressed = False
            self._pressure(False)
