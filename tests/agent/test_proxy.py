"""CONNECT through a proxy, byte by byte."""

import pytest

from bedside.agent.proxy import Proxy, ProxyError, ProxyReply


def test_a_request_without_a_password():
    sent = Proxy(host="p", port=3128).request("relay.example", 443)
    assert sent.startswith(b"CONNECT relay.example:443 HTTP/1.1\r\n")
    assert b"authorization" not in sent.lower()


def test_a_request_with_a_password():
    sent = Proxy(host="p", port=3128, user="u", password="é:x").request("10.0.0.1", 443)
    assert b"proxy-authorization: Basic dTrDqTp4\r\n" in sent


def feed(reply: ProxyReply, data: bytes) -> bool:
    return any(reply.feed(data[at : at + 1]) for at in range(len(data)))


def test_an_open_way():
    assert feed(ProxyReply(), b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n")
    assert not feed(ProxyReply(), b"HTTP/1.1 200 OK\r\n\r")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", 407),
        (b"HTTP/1.1 502 Bad\r\n\r\n", 502),
        (b"SSH-2.0-x\r\n\r\n", 0),
        (b"HTTP/1.1 200 " + b"x" * 9000, 0),
    ],
)
def test_a_closed_way(answer, status):
    with pytest.raises(ProxyError) as raised:
        feed(ProxyReply(), answer)
    assert raised.value.status == status
