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
_HOST_NAME = 0
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
        return _parse_message(message)
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


def _parse_message(message: bytes) -> ClientHello:
    """Read what stands behind the first four bytes; IndexError where it ends too early."""
    at = 2 + 32
    for size in (1, 2, 1):  # session id, cipher suites, compression
        at = _vector_end(message, at, size)
    if at == len(message):
        return ClientHello(None, ())
    server_name: str | None = None
    protocols: list[str] = []
    end = _vector_end(message, at, 2)
    at += 2
    while at < end:
        kind, body = message[at] << 8 | message[at + 1], at + 4
        at = _vector_end(message, at + 2, 2)
        if kind == _SERVER_NAME:
            name = _server_name(message[body:at])
            server_name = server_name if name is None else name
        elif kind == _ALPN:
            protocols += _protocols(message[body:at])
    if at > end:
        raise IndexError
    return ClientHello(server_name, tuple(protocols))


def _vector_end(data: bytes, at: int, size: int) -> int:
    """Return where the vector at `at` ends, whose length stands in `size` bytes before it."""
    length = data[at] if size == 1 else data[at] << 8 | data[at + 1]
    end = at + size + length
    if end > len(data):
        raise IndexError
    return end


def _server_name(body: bytes) -> str | None:
    """Return the first name of a list, where it is a host's (RFC 6066, 3)."""
    listed = body[: _vector_end(body, 0, 2)]
    if listed[2] != _HOST_NAME:
        return None
    return listed[5 : _vector_end(listed, 3, 2)].decode("ascii").lower()


def _protocols(body: bytes) -> list[str]:
    """Return the names of a list (RFC 7301, 3.1)."""
    end, at = _vector_end(body, 0, 2), 2
    listed = body[:end]
    names = []
    while at < end:
        name_end = _vector_end(listed, at, 1)
        names.append(listed[at + 1 : name_end].decode("ascii"))
        at = name_end
    return names
