"""A pseudo-terminal as the client asked for it: size and modes (RFC 4254 section 8)."""

import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Mapping

__all__ = ["Terminal"]

_CHARACTERS = {
    1: "VINTR", 2: "VQUIT", 3: "VERASE", 4: "VKILL", 5: "VEOF", 6: "VEOL", 7: "VEOL2",
    8: "VSTART", 9: "VSTOP", 10: "VSUSP", 12: "VREPRINT", 13: "VWERASE", 14: "VLNEXT",
    18: "VDISCARD",
}  # fmt: skip
_INPUT = {
    30: "IGNPAR", 31: "PARMRK", 32: "INPCK", 33: "ISTRIP", 34: "INLCR", 35: "IGNCR", 36: "ICRNL",
    38: "IXON", 39: "IXANY", 40: "IXOFF", 41: "IMAXBEL",
}  # fmt: skip
_LOCAL = {
    50: "ISIG", 51: "ICANON", 53: "ECHO", 54: "ECHOE", 55: "ECHOK", 56: "ECHONL", 57: "NOFLSH",
    58: "TOSTOP", 59: "IEXTEN", 60: "ECHOCTL", 61: "ECHOKE", 62: "PENDIN",
}  # fmt: skip
_OUTPUT = {70: "OPOST", 72: "ONLCR", 73: "OCRNL", 74: "ONOCR", 75: "ONLRET"}
_FLAGS = ((0, _INPUT), (3, _LOCAL), (1, _OUTPUT))
_DISABLED = 255
_MAX_SIDE = 4096


class Terminal:
    """What a client asked for; `open` makes it, `resize` follows the client's window."""

    def __init__(
        self, kind: str, size: tuple[int, int, int, int], modes: Mapping[int, int]
    ) -> None:
        self.kind = kind if kind.isascii() and kind.isprintable() and len(kind) < 64 else "dumb"
        self._size = size
        self._modes = modes
        self._master = -1

    def open(self) -> tuple[int, int]:
        """Return (master, slave) of a new terminal; the caller closes both. Raises OSError."""
        self._master, slave = os.openpty()
        self._set_modes(slave)
        self.resize(self._size)
        return self._master, slave

    def resize(self, size: tuple[int, int, int, int]) -> None:
        """Set columns, rows and pixels; the foreground process is told by the kernel."""
        self._size = size
        columns, rows, width, height = (min(max(side, 0), _MAX_SIDE) for side in size)
        if self._master >= 0:
            with contextlib.suppress(OSError):
                packed = struct.pack("HHHH", rows, columns, width, height)
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, packed)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self._size[0], self._size[1]

    def redraw(self) -> None:
        """Change the size and change it back: the kernel tells what draws on it to draw anew."""
        columns, rows, width, height = self._size
        self.resize((columns, max(rows - 1, 1), width, height))
        self.resize((columns, rows, width, height))

    def closed(self) -> None:
        """Note that the master is closed: its number may be another file's now."""
        self._master = -1

    def _set_modes(self, fd: int) -> None:
        attributes = termios.tcgetattr(fd)
        for mode, value in self._modes.items():
            if mode in _CHARACTERS and 0 <= value <= _DISABLED:
                attributes[6][getattr(termios, _CHARACTERS[mode])] = (
                    b"\0" if value == _DISABLED else bytes([value])
                )
            for place, table in _FLAGS:
                bit = getattr(termios, table.get(mode, ""), 0)
                attributes[place] = attributes[place] | bit if value else attributes[place] & ~bit
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
