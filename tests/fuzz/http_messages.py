"""HTTP both ways: nothing is raised, and any split is read as the whole is."""

from bedside.protocol.http import (
    HttpLimits,
    RequestReader,
    ResponseReader,
    request,
    response,
)
from bedside.protocol.tunnel import tunnel_accepted

LIMITS = HttpLimits(head=1024, headers=16, body=512)
SEEDS = (
    request("POST", "/v1/poll", "a.relay.example", {"content-type": "application/json"}, b"{}"),
    request("GET", "/", "a", {"connection": "close"}) * 3,
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    response(200, {"content-type": "text/plain"}, b"body"),
    tunnel_accepted() + b"SSH-2.0-x\r\n",
)


def _read(reader: RequestReader | ResponseReader, pieces: list[bytes]) -> list[object]:
    messages: list[object] = []
    for piece in pieces:
        reader.receive(piece)
        while (message := reader.next()) is not None:
            messages.append(message)
    return messages


def parse(data: bytes) -> None:
    """Read the bytes as requests and as answers, whole and in two pieces."""
    half = [data[: len(data) // 2], data[len(data) // 2 :]]
    for kind in (RequestReader, ResponseReader):
        whole, split = kind(LIMITS), kind(LIMITS)
        if _read(whole, [data]) != _read(split, half) and whole.status == split.status:
            raise AssertionError("a split is read otherwise")
