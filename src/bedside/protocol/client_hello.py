"""Reads what a TLS client asks for before the handshake: the server name and the protocols.

The relay looks at these bytes without taking them (MSG_PEEK), because OpenSSL cannot change whether
a client's certificate is needed once a handshake has begun. Nothing here is trusted: the context
that is chosen by it refuses every name but its own (`bedside.pki.contexts`).
"""

from dataclasses import dataclass

from bedside.protocol.errors import LimitError, MalformedError

__all__ = ["MAX_CLIENT_HELLO", "ClientHello", "parse_client_hello"]

MAX_CLIENT_HELLO = 16 * 1024
_HANDSHAKE = 22
_HELLO = 1
_SERVER_NAME = 0
_ALPN = 16


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client asks for."""

    server_name: str | None
    protocols: tuple[str, ...]


def parse_client_hello(data: bytes) -> ClientHello | None:
    """Return what the first bytes of a connection ask for; None when more must arrive.

    Raises MalformedError or LimitError (RFC 8446, 4.1.2; RFC 6066, 3; RFC 7301, 3.1).
    """
    message = _handshake_message(data)
    if message is None:
        return None
    try:
        return _parse_message(_Reader(message))
    except (IndexError, UnicodeDecodeError):
        raise MalformedError("client_hello") from None


def _handshake_message(data: bytes) -> bytes | None:
    """Join the records that carry the first handshake message."""
    message = bytearray()
    at = 0
    while True:
        if data[at : at + 2] not in (b"", b"\x16", b"\x16\x03"):
            raise MalformedError("not_tls")
        if len(data) < at + 5:
            return None
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        if not 0 < length <= MAX_CLIENT_HELLO:
            raise LimitError("record")
        message += data[at + 5 : at + 5 + length]
        if message and message[0] != _HELLO:
            raise MalformedError("not_a_client_hello")
        if len(message) >= 4:
            whole = 4 + int.from_bytes(message[1:4], "big")
            if whole > MAX_CLIENT_HELLO:
                raise LimitError("client_hello")
            if len(message) >= whole:
                return bytes(message[4:whole])
        at += 5 + length


def _parse_message(reader: "_Reader") -> ClientHello:
    reader.take(2 + 32)
    reader.vector(1)
    reader.vector(2)
    reader.vector(1)
    server_name: str | None = None
    protocols: list[str] = []
    if reader.left:
        extensions = reader.vector(2)
        while extensions.left:
            kind = extensions.number(2)
            body = extensions.vector(2)
            if kind == _SERVER_NAME:
                names = body.vector(2)
                if names.number(1) == 0:
                    server_name = names.vector(2).rest().decode("ascii").lower()
            elif kind == _ALPN:
                listed = body.vector(2)
                while listed.left:
                    protocols.append(listed.vector(1).rest().decode("ascii"))
    return ClientHello(server_name, tuple(protocols))


class _Reader:
    """Takes bytes from the front; IndexError when there are too few."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise IndexError
        self._at += count
        return self._data[self._at - count : self._at]

    def rest(self) -> bytes:
        return self.take(self.left)

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> "_Reader":
        return _Reader(self.take(self.number(size)))
