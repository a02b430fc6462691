"""The part of the SFTP protocol (version 3, draft-ietf-secsh-filexfer-02) that the device speaks.

Pure: bytes in, requests out; answers as bytes. What is not spoken here is answered "unsupported";
a packet that is too long or does not parse is an error that ends the channel.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

__all__ = [
    "MAX_DATA",
    "MAX_PACKET",
    "Attributes",
    "Change",
    "Close",
    "FStat",
    "Init",
    "Limits",
    "Open",
    "OpenFolder",
    "Read",
    "ReadFolder",
    "RealPath",
    "Request",
    "RequestReader",
    "SetStat",
    "SftpError",
    "Stat",
    "Status",
    "Unsupported",
    "Write",
    "attributes_reply",
    "data_header",
    "handle_reply",
    "limits_reply",
    "names_reply",
    "status_reply",
    "version_reply",
]

MAX_PACKET: Final = 256 * 1024 + 1024
MAX_DATA: Final = 256 * 1024 - 1024
_MAX_PATH: Final = 4096
_MAX_HANDLE: Final = 16


class SftpError(ValueError):
    """These bytes are not SFTP as we speak it."""


class Status(IntEnum):
    """The answers of version 3."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    UNSUPPORTED = 8


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is told of a file: its size in bytes, its mode with the type bits, its time."""

    size: int
    mode: int
    modified_s: int


@dataclass(frozen=True, slots=True)
class Init:
    """The client's version, which begins the conversation."""

    version: int


@dataclass(frozen=True, slots=True)
class Open:
    """Open a file to read or write."""

    id: int
    path: str
    flags: int


@dataclass(frozen=True, slots=True)
class Close:
    """Close a file or folder."""

    id: int
    handle: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """Read `length` bytes at `offset`."""

    id: int
    handle: bytes
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Write:
    """Write `data` at `offset`; `data` is valid until the next request is taken."""

    id: int
    handle: bytes
    offset: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class Stat:
    """Ask what a path is (STAT and LSTAT: there are no links here)."""

    id: int
    path: str


@dataclass(frozen=True, slots=True)
class FStat:
    """Ask what an open file is."""

    id: int
    handle: bytes


@dataclass(frozen=True, slots=True)
class SetStat:
    """Set times or modes: answered, never done."""

    id: int


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """Open a folder to list it."""

    id: int
    path: str


@dataclass(frozen=True, slots=True)
class ReadFolder:
    """List the next part of a folder."""

    id: int
    handle: bytes


@dataclass(frozen=True, slots=True)
class RealPath:
    """Ask for the absolute form of a path."""

    id: int
    path: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Ask for the server's limits (limits@openssh.com)."""

    id: int


@dataclass(frozen=True, slots=True)
class Change:
    """A request to remove, rename or link something, or to make a folder: never done."""

    id: int
    path: str


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A request that is not spoken here, by its number or name."""

    id: int
    name: str


Request = (
    Init | Open | Close | Read | Write | Stat | FStat | SetStat | OpenFolder | ReadFolder
    | RealPath | Limits | Change | Unsupported
)  # fmt: skip


class _Fields:
    """Reads one packet from its start; every lack is an SftpError."""

    def __init__(self, packet: memoryview) -> None:
        self._packet = packet
        self._at = 0

    def take(self, count: int) -> memoryview:
        end = self._at + count
        if end > len(self._packet):
            raise SftpError("packet is too short")
        part = self._packet[self._at : end]
        self._at = end
        return part

    def integer(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def string(self, limit: int) -> memoryview:
        count = self.integer(4)
        if count > limit:
            raise SftpError("string is too long")
        return self.take(count)

    def path(self) -> str:
        try:
            return str(self.string(_MAX_PATH), "utf-8")
        except UnicodeDecodeError:
            raise SftpError("path is not UTF-8") from None

    def handle(self) -> bytes:
        return bytes(self.string(_MAX_HANDLE))


class RequestReader:
    """Cuts what a channel receives into requests."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._at = 0
        self._packet: memoryview | None = None

    def receive(self, data: bytes) -> None:
        """Take bytes in; what `next` gave before is no longer valid."""
        self._release()
        if self._at:
            del self._waiting[: self._at]
            self._at = 0
        self._waiting += data

    def next(self) -> Request | None:
        """Return the next whole request, None when more bytes are needed; raises SftpError."""
        self._release()
        start = self._at + 4
        if start > len(self._waiting):
            return None
        length = int.from_bytes(self._waiting[self._at : start], "big")
        if not 5 <= length <= MAX_PACKET:
            raise SftpError("packet length")
        if start + length > len(self._waiting):
            return None
        self._at = start + length
        with memoryview(self._waiting) as whole:
            self._packet = whole[start : self._at]
        return _parse(self._packet)

    def _release(self) -> None:
        if self._packet is not None:
            self._packet.release()
            self._packet = None


def _parse(packet: memoryview) -> Request:
    fields = _Fields(packet)
    kind = fields.integer(1)
    number = fields.integer(4)
    match kind:
        case 1:
            return Init(number)
        case 3:
            return Open(number, fields.path(), fields.integer(4))
        case 4:
            return Close(number, fields.handle())
        case 5:
            return Read(number, fields.handle(), fields.integer(8), fields.integer(4))
        case 6:
            return Write(number, fields.handle(), fields.integer(8), fields.string(MAX_PACKET))
        case 7 | 17:
            return Stat(number, fields.path())
        case 8:
            return FStat(number, fields.handle())
        case 9 | 10:
            return SetStat(number)
        case 11:
            return OpenFolder(number, fields.path())
        case 12:
            return ReadFolder(number, fields.handle())
        case 13 | 14 | 15 | 18 | 20:
            return Change(number, fields.path())
        case 16:
            return RealPath(number, fields.path())
        case 200:
            name = str(fields.string(256), "ascii", "backslashreplace")
            return Limits(number) if name == "limits@openssh.com" else Unsupported(number, name)
    return Unsupported(number, str(kind))


def _packet(kind: int, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return (len(payload) + 1).to_bytes(4, "big") + bytes([kind]) + payload


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _integer(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size, "big")


def version_reply() -> bytes:
    """Return our version, with the one extension we speak."""
    return _packet(2, _integer(3), _string(b"limits@openssh.com"), _string(b"1"))


def status_reply(number: int, status: Status, text: str = "") -> bytes:
    """Return a status; `text` is for clients that show it."""
    return _packet(101, _integer(number), _integer(status), _string(text.encode()), _string(b""))


def handle_reply(number: int, handle: bytes) -> bytes:
    """Return the handle of what was opened."""
    return _packet(102, _integer(number), _string(handle))


def data_header(number: int, length: int) -> bytes:
    """Return what stands before `length` bytes of file data in an answer."""
    return _integer(length + 9) + b"g" + _integer(number) + _integer(length)


def names_reply(number: int, names: list[tuple[str, Attributes]]) -> bytes:
    """Return names with their attributes, and the line that `ls -l` would print."""
    parts = [_integer(number), _integer(len(names))]
    for name, attributes in names:
        parts += [
            _string(name.encode()),
            _string(_long_name(name, attributes).encode()),
            _attributes(attributes),
        ]
    return _packet(104, *parts)


def attributes_reply(number: int, attributes: Attributes) -> bytes:
    """Return what a file is."""
    return _packet(105, _integer(number), _attributes(attributes))


def limits_reply(number: int) -> bytes:
    """Return the longest packet, read and write, and how many files may be open."""
    limits = (MAX_PACKET, MAX_DATA, MAX_DATA, 64)
    return _packet(201, _integer(number), *(_integer(limit, 8) for limit in limits))


def _attributes(attributes: Attributes) -> bytes:
    has = 0x1 | 0x4 | 0x8  # size, permissions, times
    time = _integer(attributes.modified_s & 0xFFFFFFFF)
    return _integer(has) + _integer(attributes.size, 8) + _integer(attributes.mode) + time + time


def _long_name(name: str, attributes: Attributes) -> str:
    kind = "d" if attributes.mode & 0o040000 else "-"
    rights = "".join(
        letter if attributes.mode & (0o400 >> place) else "-"
        for place, letter in enumerate("rwxrwxrwx")
    )
    return f"{kind}{rights} 1 bedside bedside {attributes.size} {name}"
