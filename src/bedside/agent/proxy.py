"""HTTP CONNECT through a hospital's proxy, with or without a password: pure (S20)."""

from binascii import b2a_base64
from dataclasses import dataclass

from bedside.protocol.http import ResponseReader, connect_request

__all__ = ["Proxy", "ProxyError", "ProxyReply"]


class ProxyError(OSError):
    """The proxy did not open the way; `status` is what it answered (0: nothing that is HTTP)."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the proxy answered {status}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Where the proxy listens, and who we are to it."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None

    def request(self, host: str, port: int) -> bytes:
        """Return the bytes that ask the proxy for a way to `host`:`port` (RFC 9110, 9.3.6)."""
        if self.user is None:
            return connect_request(host, port)
        pair = f"{self.user}:{self.password or ''}".encode()
        basic = b2a_base64(pair, newline=False).decode()
        return connect_request(host, port, {"proxy-authorization": f"Basic {basic}"})


class ProxyReply:
    """Reads a proxy's answer to CONNECT.

    Feed it one byte at a time: what follows the answer's head belongs to TLS, on the same socket.
    """

    def __init__(self) -> None:
        self._reader = ResponseReader(proxy=True)

    def feed(self, data: bytes) -> bool:
        """Take bytes; return True when the way is open, raise ProxyError when it is refused."""
        self._reader.receive(data)
        answer = self._reader.next()
        if self._reader.error is not None:
            raise ProxyError(0)
        if answer is not None and not 200 <= answer.status < 300:
            raise ProxyError(answer.status)
        return answer is not None
