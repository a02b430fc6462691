"""SFTP's requests, cut from any pieces; what does not parse is one named error."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.ssh import sftp_wire as wire


def packet(kind: int, *parts: bytes) -> bytes:
    payload = bytes([kind]) + b"".join(parts)
    return len(payload).to_bytes(4, "big") + payload


def text(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def n(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size, "big")


ALL = (
    packet(1, n(3))
    + packet(3, n(7), text(b"/items/a"), n(1), n(0))
    + packet(5, n(8), text(b"\0\0\0\1"), n(2**40, 8), n(32768))
    + packet(6, n(9), text(b"\0\0\0\1"), n(5, 8), text(b"data"))
    + packet(17, n(10), text(b"/"))
    + packet(7, n(11), text(b"/x"))
    + packet(8, n(12), text(b"\0\0\0\1"))
    + packet(9, n(13), text(b"/x"), n(0))
    + packet(11, n(14), text(b"/items"))
    + packet(12, n(15), text(b"\0\0\0\2"))
    + packet(16, n(16), text(b"."))
    + packet(200, n(17), text(b"limits@openssh.com"))
    + packet(200, n(18), text(b"copy-data"))
    + packet(13, n(19), text(b"/inbox/a"))
    + packet(4, n(20), text(b"\0\0\0\1"))
)


def read_all(pieces: list[bytes]) -> list[wire.Request]:
    reader, requests = wire.RequestReader(), []
    for piece in pieces:
        reader.receive(piece)
        while (request := reader.next()) is not None:
            if isinstance(request, wire.Write):
                request = wire.Write(
                    request.id, request.handle, request.offset, bytes(request.data)
                )
            requests.append(request)
    return requests


EXPECTED = [
    wire.Init(3),
    wire.Open(7, "/items/a", 1),
    wire.Read(8, b"\0\0\0\1", 2**40, 32768),
    wire.Write(9, b"\0\0\0\1", 5, b"data"),
    wire.Stat(10, "/"),
    wire.Stat(11, "/x"),
    wire.FStat(12, b"\0\0\0\1"),
    wire.SetStat(13),
    wire.OpenFolder(14, "/items"),
    wire.ReadFolder(15, b"\0\0\0\2"),
    wire.RealPath(16, "."),
    wire.Limits(17),
    wire.Unsupported(18, "copy-data"),
    wire.Change(19, "/inbox/a"),
    wire.Close(20, b"\0\0\0\1"),
]


@given(st.lists(st.integers(0, len(ALL)), max_size=30))
def test_the_requests_do_not_depend_on_how_the_bytes_arrive(cuts):
    places = [0, *sorted(cuts), len(ALL)]
    assert read_all([ALL[a:b] for a, b in itertools.pairwise(places)]) == EXPECTED


BAD = [
    n(wire.MAX_PACKET + 1) + b"\5",
    n(0),
    n(4) + b"\3\0\0\0",
    packet(3, n(1), n(2**32 - 1), b"/x"),
    packet(3, n(1), text(b"\xff\xfe"), n(1)),
    packet(3, n(1), text(b"/x" * 3000), n(1)),
    packet(5, n(1), text(b"h" * 17), n(0, 8), n(1)),
    packet(6, n(1), text(b"h"), n(0, 8), n(9), b"short"),
    packet(200, n(1), text(b"x" * 257)),
]


@pytest.mark.parametrize("data", BAD)
def test_what_does_not_parse_is_an_sftp_error(data):
    with pytest.raises(wire.SftpError):
        read_all([data])


@given(st.binary(max_size=300))
def test_any_bytes_are_requests_or_an_sftp_error(data):
    with contextlib.suppress(wire.SftpError):
        read_all([data])


def test_answers_carry_their_number():
    attributes = wire.Attributes(12, 0o100400, 1_700_000_000)
    assert wire.version_reply() == packet(2, n(3), text(b"limits@openssh.com"), text(b"1"))
    assert wire.status_reply(5, wire.Status.EOF) == packet(101, n(5), n(1), text(b""), text(b""))
    assert wire.handle_reply(5, b"h") == packet(102, n(5), text(b"h"))
    assert wire.data_header(5, 3) + b"abc" == packet(103, n(5), text(b"abc"))
    assert wire.attributes_reply(5, attributes)[:9] == n(29) + b"i" + n(5)
    assert b"-r-------- 1 bedside bedside 12 log" in wire.names_reply(5, [("log", attributes)])
    assert len(wire.limits_reply(5)) == 4 + 1 + 4 + 32
