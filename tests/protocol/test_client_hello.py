import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.client_hello import MAX_CLIENT_HELLO, ClientHello, parse_client_hello
from bedside.protocol.errors import LimitError, MalformedError, ProtocolError


def hello(server_name="a.relay.example", protocols=("http/1.1",)):
    """What OpenSSL really sends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = server_name is not None
    if protocols:
        context.set_alpn_protocols(list(protocols))
    out = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=server_name)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return out.read()


def records(data, size):
    """The same message cut into records of `size` bytes."""
    body = data[5:]
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece for piece in pieces)


@pytest.mark.parametrize(
    ("server_name", "protocols"),
    [
        ("a.relay.example", ("http/1.1",)),
        ("enrol.a.relay.example", ("bedside-tunnel/1", "http/1.1")),
        (None, ()),
    ],
)
def test_what_openssl_sends(server_name, protocols):
    assert parse_client_hello(hello(server_name, protocols)) == ClientHello(server_name, protocols)


def test_more_must_arrive_until_the_last_byte():
    data = hello()
    assert all(parse_client_hello(data[:end]) is None for end in range(len(data)))
    assert parse_client_hello(data + b"more") == parse_client_hello(data)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_hello_in_several_records(size):
    data = hello()
    assert parse_client_hello(records(data, size)) == parse_client_hello(data)


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1", b"SSH-2.0", b"\x80\x2e\x01", b"\x16\x03\x01\x00\x01\x02", b"\x15\x03\x01"],
)
def test_what_is_not_a_hello(data):
    with pytest.raises(MalformedError):
        parse_client_hello(data)


def test_limits():
    with pytest.raises(LimitError):
        parse_client_hello(b"\x16\x03\x01" + (MAX_CLIENT_HELLO + 1).to_bytes(2, "big"))
    with pytest.raises(LimitError):
        parse_client_hello(b"\x16\x03\x01\x00\x04\x01" + MAX_CLIENT_HELLO.to_bytes(3, "big"))
    with pytest.raises(LimitError):
        parse_client_hello(b"\x16\x03\x01\x00\x00")


@given(st.binary(max_size=120), st.booleans())
def test_arbitrary_bytes(data, framed):
    if framed:
        message = b"\x01" + len(data).to_bytes(3, "big") + data
        data = b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message
    try:
        parse_client_hello(data)
    except ProtocolError:
        return


@given(st.data())
def test_any_byte_changed(data):
    bent = bytearray(hello())
    bent[data.draw(st.integers(0, len(bent) - 1))] = data.draw(st.integers(0, 255))
    try:
        parse_client_hello(bytes(bent))
    except ProtocolError:
        return
