"""HTTP/1.1 without sockets: bytes in, whole messages out (`docs/protocol/http.md`).

The subset that device, relay and console speak, and nothing that two readers could read two ways:

4.1 A head ends with CR LF CR LF; a bare LF, a folded line or a space before a colon refuses it.
4.2 A body is counted by Content-Length, given once in decimal; Transfer-Encoding is refused.
4.3 A request has exactly one Host, and no header twice.
4.4 Head, number of headers and body have limits; what lies beyond them is not kept.
4.5 A fault ends the connection: after one, a reader returns nothing more.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from bedside.protocol.errors import LimitError, LocalMisuseError, MalformedError, ProtocolError

__all__ = [
    "REASONS",
    "HttpLimits",
    "Request",
    "RequestReader",
    "Response",
    "ResponseReader",
    "connect_request",
    "request",
    "response",
    "response_head",
    "whole_request",
    "whole_response",
]

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEADER = rb"(?:" + _TOKEN + rb":[\t -~]*\r\n)"
_REQUEST_HEAD = re.compile(rb"([A-Z]{1,16}) ([!-~]+) HTTP/1\.1\r\n(" + _HEADER + rb"*)\r\n")
_RESPONSE_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [\t -~\x80-\xff]*)?\r\n("
    rb"(?:" + _TOKEN + rb":[\t -~\x80-\xff]*\r\n)*)\r\n"
)
_HEADERS = re.compile(rb"([^:\r\n]+):[\t ]*([^\r\n]*?)[\t ]*\r\n")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_LENGTH = re.compile(r"[0-9]{1,12}")
_END = b"\r\n\r\n"
# A peer may send its next request early; it may not make us keep more than this of it.
_EARLY = 64 * 1024

REASONS = {
    101: "Switching Protocols",
    200: "OK",
    202: "Accepted",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    421: "Misdirected Request",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_BODILESS = frozenset({101, 204, 304})


class HttpLimits(NamedTuple):
    """The largest head (bytes), the most headers, the largest body (bytes)."""

    head: int = 8 * 1024
    headers: int = 64
    body: int = 256 * 1024


class Request(NamedTuple):
    """A whole request; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def keep_alive(self) -> bool:
        """Whether the peer means to ask again on this connection."""
        value = self.headers.get("connection")
        return value is None or "close" not in _words(value)


class Response(NamedTuple):
    """A whole response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def keep_alive(self) -> bool:
        """Whether the peer will answer again on this connection."""
        value = self.headers.get("connection")
        return value is None or "close" not in _words(value)


class _Refused(Exception):  # noqa: N818  # never leaves this module
    """A head that is refused: the error, and the status that answers it."""

    def __init__(self, error: ProtocolError, status: int) -> None:
        super().__init__()
        self.error = error
        self.status = status


class _Reader:
    """What both readers share: a buffer, the fault, the search for the end of a head."""

    def __init__(self, limits: HttpLimits | None = None) -> None:
        self.limits = limits or HttpLimits()
        self.error: ProtocolError | None = None
        self.status = 0
        self._buffer = bytearray()
        self._searched = 0
        self._body_at = 0
        self._body_end = 0

    @property
    def idle(self) -> bool:
        """Whether no part of a message has arrived that was not returned yet."""
        return not self._buffer

    @property
    def trailing(self) -> bytes:
        """What arrived after the last message that was returned: the stream after an upgrade."""
        return bytes(self._buffer)

    def receive(self, data: bytes) -> None:
        """Take what arrived; after a fault it is dropped (4.5)."""
        if self.error is not None:
            return
        self._buffer += data
        if len(self._buffer) > self.limits.head + self.limits.body + _EARLY:  # 4.4
            self._refuse(LimitError("early"), 413)

    def time_out(self) -> None:
        """Give up on the rest of a message: the driver's clock says that it took too long."""
        if self.error is None:
            self._refuse(LimitError("time"), 408)

    def _refuse(self, error: ProtocolError, status: int) -> None:
        self.error = error
        self.status = status
        self._buffer.clear()

    def _find_head(self) -> bytes | None:
        """Return the next head when it is whole; refuse what cannot become one."""
        buffer = self._buffer
        end = buffer.find(_END, max(0, self._searched - 3))
        if end >= 0:
            if end + 4 > self.limits.head:
                self._refuse(LimitError("head"), 431)
                return None
            self._body_at = end + 4
            return bytes(buffer[: end + 4])
        if _BARE_LF.search(buffer, self._searched):  # 4.1
            self._refuse(MalformedError("head"), 400)
        elif len(buffer) >= self.limits.head:  # 4.4
            self._refuse(LimitError("head"), 431)
        else:
            # The last byte is looked at again: it may be the CR of a pair.
            self._searched = max(0, len(buffer) - 1)
        return None

    def _take_body(self) -> bytes:
        body = bytes(self._buffer[self._body_at : self._body_end])
        del self._buffer[: self._body_end]
        self._searched = self._body_at = self._body_end = 0
        return body


class RequestReader(_Reader):
    """Reads requests from what a client sends, one after another (pipelining included).

    Call `receive` with what arrived and `next` until it returns None; then look at `error`: when it
    is set, answer with `status` and close. Nothing is ever raised.
    """

    def __init__(self, limits: HttpLimits | None = None) -> None:
        super().__init__(limits)
        self._head: tuple[str, str, Mapping[str, str]] | None = None

    def next(self) -> Request | None:
        """Return the next whole request, or None: more must arrive, or `error` is set."""
        if self.error is not None or (self._head is None and not self._read_head()):
            return None
        if len(self._buffer) < self._body_end:
            return None
        head, self._head = self._head, None
        assert head is not None
        return Request(*head, self._take_body())

    def _read_head(self) -> bool:
        head = self._find_head()
        if head is None:
            return False
        try:
            method, target, headers, length = _parse_request_head(head, self.limits.headers)
            if length > self.limits.body:
                raise _Refused(LimitError("body"), 413)
        except _Refused as refused:
            self._refuse(refused.error, refused.status)
            return False
        self._head = (method, target, headers)
        self._body_end = self._body_at + length
        return True


class ResponseReader(_Reader):
    """Reads responses to our own requests; its interface is RequestReader's.

    With `proxy`, it reads a proxy's answer to CONNECT: HTTP/1.0 is allowed, headers may stand
    twice, and whatever follows the head is `trailing`.
    """

    def __init__(self, limits: HttpLimits | None = None, *, proxy: bool = False) -> None:
        super().__init__(limits)
        self._proxy = proxy
        self._head: tuple[int, Mapping[str, str]] | None = None

    def next(self) -> Response | None:
        """Return the next whole response, or None: more must arrive, or `error` is set."""
        if self.error is not None or (self._head is None and not self._read_head()):
            return None
        if len(self._buffer) < self._body_end:
            return None
        head, self._head = self._head, None
        assert head is not None
        return Response(*head, self._take_body())

    def _read_head(self) -> bool:
        head = self._find_head()
        if head is None:
            return False
        try:
            status, headers, length = _parse_response_head(
                head, self.limits.headers, proxy=self._proxy
            )
            if length > self.limits.body:
                raise _Refused(LimitError("body"), 413)
        except _Refused as refused:
            self._refuse(refused.error, refused.status)
            return False
        self._head = (status, headers)
        self._body_end = self._body_at + length
        return True


def whole_request(data: bytes, limits: HttpLimits) -> Request | None:
    """Return the request that `data` is, when it is exactly one and nothing is wrong with it.

    None says that a RequestReader must look: there is less, or more, or a fault. What it costs to
    make a reader is most of what a poll costs to read.
    """
    found = _whole(data, limits, _parse_request_head)
    return None if found is None else Request(*found)


def whole_response(data: bytes, limits: HttpLimits) -> Response | None:
    """Return the response that `data` is; otherwise as `whole_request`."""
    found = _whole(data, limits, _known_response_head)
    return None if found is None else Response(*found)


def _whole(
    data: bytes, limits: HttpLimits, parse_head: Callable[[bytes, int], tuple[Any, ...]]
) -> tuple[Any, ...] | None:
    """Return what `parse_head` finds in the head, with the body in place of its length; or None."""
    body_at = data.find(_END) + 4
    if not 4 <= body_at <= limits.head:
        return None
    try:
        *head, length = parse_head(data[:body_at], limits.headers)
    except _Refused:
        return None
    if length > limits.body or len(data) != body_at + length:
        return None
    return *head, data[body_at:]


# A device sends the same head at every poll, and so do all devices of a fleet.
@lru_cache(maxsize=128)
def _parse_request_head(head: bytes, most_headers: int) -> tuple[str, str, Mapping[str, str], int]:
    match = _REQUEST_HEAD.fullmatch(head)
    if match is None:
        raise _Refused(MalformedError("head"), 400)
    method, target, lines = match.groups()
    headers = _read_headers(lines, most_headers, repeat=False)
    if "host" not in headers:  # 4.3
        raise _Refused(MalformedError("host"), 400)
    if "expect" in headers:
        raise _Refused(MalformedError("expect"), 501)
    return method.decode("ascii"), target.decode("ascii"), headers, _read_length(headers) or 0


# The console's answers to a relay are of few lengths.
@lru_cache(maxsize=16)
def _known_response_head(head: bytes, most_headers: int) -> tuple[int, Mapping[str, str], int]:
    return _parse_response_head(head, most_headers, proxy=False)


def _parse_response_head(
    head: bytes, most_headers: int, *, proxy: bool
) -> tuple[int, Mapping[str, str], int]:
    match = _RESPONSE_HEAD.fullmatch(head)
    if match is None or (match[1] == b"0" and not proxy):
        raise _Refused(MalformedError("head"), 502)
    status = int(match[2])
    headers = _read_headers(match[3], most_headers, repeat=True)
    if proxy or status in _BODILESS:
        return status, headers, 0
    length = _read_length(headers)
    if length is None or status < 200:
        raise _Refused(MalformedError("length"), 502)
    return status, headers, length


def _read_headers(lines: bytes, most: int, *, repeat: bool) -> Mapping[str, str]:
    found = _HEADERS.findall(lines)
    if len(found) > most:  # 4.4
        raise _Refused(LimitError("headers"), 431)
    headers: dict[str, str] = {}
    for raw_name, raw_value in found:
        name = raw_name.decode("ascii").lower()
        value = raw_value.decode("latin-1")
        if name not in headers:
            headers[name] = value
        elif repeat and name not in ("content-length", "transfer-encoding"):
            headers[name] += f", {value}"
        else:  # 4.2, 4.3
            raise _Refused(MalformedError("repeated_header"), 400)
    return MappingProxyType(headers)


def _read_length(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length")
    if "transfer-encoding" in headers:  # 4.2
        raise _Refused(MalformedError("transfer_encoding"), 501 if length is None else 400)
    if length is None:
        return None
    if not _LENGTH.fullmatch(length):
        raise _Refused(MalformedError("content_length"), 400)
    return int(length)


def response(status: int, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a response; Content-Length is added where a body may follow.

    Raises LocalMisuseError for a header that would not be one line.
    """
    return response_head(status, headers, len(body)) + body


def response_head(status: int, headers: Mapping[str, str], length: int) -> bytes:
    """Return a response up to its body of `length` bytes; otherwise as `response`."""
    first = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
    return _write(first, headers, None if status in _BODILESS else length)


def request(
    method: str, target: str, host: str, headers: Mapping[str, str], body: bytes | None = None
) -> bytes:
    """Return a request; Content-Length is added unless `body` is None.

    Raises LocalMisuseError for a part that would not be one line.
    """
    if " " in method or " " in target:
        raise LocalMisuseError("a method or target that is not one word")
    first = [f"{method} {target} HTTP/1.1", f"host: {host}"]
    return _write(first, headers, None if body is None else len(body)) + (body or b"")


def connect_request(host: str, port: int, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the CONNECT that asks a proxy for a stream to `host`:`port`."""
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return request("CONNECT", authority, authority, headers or {})


def _write(lines: list[str], headers: Mapping[str, str], length: int | None) -> bytes:
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if length is not None:
        lines.append(f"content-length: {length}")
    head = "\r\n".join(lines)
    if not len(lines) - 1 == head.count("\n") == head.count("\r") or not head.isascii():
        raise LocalMisuseError("a header that is not one line")
    return f"{head}\r\n\r\n".encode("ascii")


def _words(value: str) -> list[str]:
    return [word.strip().lower() for word in value.split(",")]
