import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.errors import LimitError, LocalMisuseError
from bedside.protocol.http import (
    HttpLimits,
    RequestReader,
    ResponseReader,
    connect_request,
    request,
    response,
    whole_request,
    whole_response,
)

SMALL = HttpLimits(head=256, headers=6, body=32)
POLL = request("POST", "/v1/poll", "a.relay.example", {"content-type": "application/json"}, b"{}")
GET = request("GET", "/", "a", {})


def read_all(reader, pieces):
    got = []
    for piece in pieces:
        reader.receive(piece)
        while (message := reader.next()) is not None:
            got.append(message)
    return got


def cut(stream, data):
    pieces = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        pieces.append(stream[:size])
        stream = stream[size:]
    return pieces


def refused(stream, limits=SMALL):
    """Feed whole, then byte by byte: both refuse with one status."""
    whole, trickled = RequestReader(limits), RequestReader(limits)
    assert read_all(whole, [stream]) == []
    read_all(trickled, [bytes([byte]) for byte in stream])
    assert whole.error is not None
    assert trickled.error is not None
    assert whole.status == trickled.status
    assert whole.next() is None
    return whole.status, whole.error.code


def test_a_request_reads_as_it_was_written():
    reader = RequestReader()
    assert reader.idle
    (asked,) = read_all(reader, [POLL])
    assert (asked.method, asked.target, asked.body) == ("POST", "/v1/poll", b"{}")
    assert asked.headers["host"] == "a.relay.example"
    assert asked.headers["content-type"] == "application/json"
    assert asked.keep_alive
    assert reader.idle
    assert reader.error is None


@given(st.lists(st.sampled_from([POLL, GET]), min_size=1, max_size=4), st.data())
def test_any_split_gives_the_same_requests_in_order(requests, data):
    reader = RequestReader()
    got = read_all(reader, cut(b"".join(requests), data))
    assert [asked.method for asked in got] == [asked.split()[0].decode() for asked in requests]
    assert reader.idle
    assert reader.error is None


@given(st.binary(max_size=300), st.data())
def test_arbitrary_bytes_raise_nothing_and_any_split_refuses_the_same(stream, data):
    whole, split = RequestReader(SMALL), RequestReader(SMALL)
    assert read_all(whole, [stream]) == read_all(split, cut(stream, data))
    assert (whole.error is None) == (split.error is None)


@given(
    st.lists(
        st.sampled_from(
            [
                b"GET / HTTP/1.1",
                b"\r\n",
                b"\n",
                b"host: a",
                b"content-length: 2",
                b"ab",
                b" ",
                b"\r",
                b":",
            ]
        ),
        max_size=14,
    ),
    st.data(),
)
def test_near_requests_read_the_same_in_any_split(parts, data):
    stream = b"".join(parts)
    whole, split = RequestReader(SMALL), RequestReader(SMALL)
    assert read_all(whole, [stream]) == read_all(split, cut(stream, data))
    assert (whole.error is None, whole.status) == (split.error is None, split.status)


@given(
    st.lists(
        st.sampled_from(
            [
                POLL,
                GET,
                b"GET / HTTP/1.1\r\n",
                b"host: a\r\n",
                b"content-length: 2\r\n",
                b"\r\n",
                b"ab",
            ]
        ),
        max_size=6,
    )
)
def test_a_whole_request_is_what_a_reader_would_return_with_nothing_left(pieces):
    stream = b"".join(pieces)
    reader = RequestReader(SMALL)
    got = read_all(reader, [stream])
    alone = len(got) == 1 and reader.idle and reader.error is None
    assert whole_request(stream, SMALL) == (got[0] if alone else None)


ANSWERS = [response(200, {}, b"{}"), response(204, {}), response(200, {}, b"x" * 33)]


@given(
    st.lists(
        st.sampled_from([*ANSWERS, ANSWERS[0][:-1], b"HTTP/1.1 200 OK\r\n\r\n", b"x", b"\n"])
        | st.binary(max_size=20),
        max_size=4,
    )
)
def test_a_whole_response_is_what_a_reader_would_return_with_nothing_left(pieces):
    stream = b"".join(pieces)
    reader = ResponseReader(SMALL)
    got = read_all(reader, [stream])
    alone = len(got) == 1 and reader.idle and reader.error is None
    assert whole_response(stream, SMALL) == (got[0] if alone else None)


LINES = [
    b"a: b",
    b"A: c",
    b"connection: close",
    b"content-length: 0",
    b"content-length: 2",
    b"content-length: 33",
    b"content-length: +2",
    b"transfer-encoding: chunked",
    b"a : b",
    b"x:\xe9",
]
FIRST_LINES = [b"HTTP/1.1 %d X" % status for status in (200, 200, 401, 204, 101, 100)]
HEADS = st.tuples(
    st.sampled_from([*FIRST_LINES, b"HTTP/1.0 200 OK"]),
    st.lists(st.sampled_from(LINES), max_size=4),
).map(lambda parts: b"\r\n".join([parts[0], *parts[1], b"", b""]))


@given(
    st.lists(HEADS, min_size=1, max_size=3),
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from([b"", b"{}", b"[]", b"x" * 33]),
            st.sampled_from([SMALL, SMALL._replace(headers=2), SMALL._replace(body=33)]),
        ),
        min_size=2,
        max_size=12,
    ),
)
def test_a_head_that_was_seen_before_is_read_as_if_it_were_new(heads, answers):
    """Whatever the limits, and what was refused or taken before, say."""
    for which, body, limits in answers:
        stream = heads[which % len(heads)] + body
        reader = ResponseReader(limits)
        got = read_all(reader, [stream])
        alone = len(got) == 1 and reader.idle and reader.error is None
        assert whole_response(stream, limits) == (got[0] if alone else None)


def test_a_head_that_is_refused_stays_refused_and_one_for_fewer_headers_is_not_known():
    many = b"HTTP/1.1 200 OK\r\na: b\r\nc: d\r\ncontent-length: 2\r\n\r\n{}"
    fewer = SMALL._replace(headers=2)
    for _ in range(2):
        assert whole_response(many, fewer) is None
        assert whole_response(many, SMALL) is not None
        assert whole_response(many.replace(b"c: d", b"c : d"), SMALL) is None
        assert whole_response(many, SMALL._replace(body=1)) is None


@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_answers_raise_nothing(stream, proxy):
    reader = ResponseReader(SMALL, proxy=proxy)
    read_all(reader, [stream, b"HTTP/1.1 200 OK\r\n\r\n"])


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET / HTTP/1.1\r\n: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nH\xc3\xb6st: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nx: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
    ],
)
def test_smuggling_is_refused(head):
    assert refused(head)[0] == 400


@pytest.mark.parametrize(
    "encoding", [b"chunked", b"Chunked", b"identity", b"gzip, chunked", b"xchunked", b""]
)
def test_transfer_encoding_is_not_implemented(encoding):
    stream = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + encoding + b"\r\n\r\n"
    assert refused(stream) == (501, "transfer_encoding")
    expecting = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    assert refused(expecting)[0] == 501


def head_of(size):
    start = b"GET / HTTP/1.1\r\nHost: a\r\nX: "
    return start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"


def test_head_limit_is_hit_at_its_byte():
    assert len(read_all(RequestReader(SMALL), [head_of(SMALL.head)])) == 1
    assert refused(head_of(SMALL.head + 1))[0] == 431


def test_a_head_that_never_ends_is_refused_at_the_limit():
    reader = RequestReader(SMALL)
    read_all(reader, [head_of(300)[: SMALL.head - 1]])
    assert reader.error is None
    read_all(reader, [b"x"])
    assert isinstance(reader.error, LimitError)
    assert reader.status == 431


def test_header_count_and_body_limits():
    lines = b"".join(b"x%d: y\r\n" % number for number in range(SMALL.headers - 1))
    assert read_all(RequestReader(SMALL), [b"GET / HTTP/1.1\r\nhost: a\r\n" + lines + b"\r\n"])
    assert refused(b"GET / HTTP/1.1\r\nhost: a\r\n" + lines + b"z: z\r\n\r\n")[0] == 431
    post = request("POST", "/", "a", {}, b"x" * SMALL.body)
    assert read_all(RequestReader(SMALL), [post])
    assert refused(request("POST", "/", "a", {}, b"x" * (SMALL.body + 1))) == (413, "body")
    assert refused(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 999999999999\r\n\r\n")[0] == 413


def test_a_peer_cannot_make_us_keep_what_it_sends_early():
    reader = RequestReader(SMALL)
    reader.receive(GET)
    assert reader.next() is not None
    reader.receive(b"x" * 70_000)
    assert reader.error is not None
    assert reader.status == 413
    assert reader.idle
    reader.receive(GET)
    assert reader.next() is None


def test_what_was_whole_before_a_fault_is_still_returned():
    reader = RequestReader()
    reader.receive(GET + b"BAD\r\n\r\n")
    assert reader.next() is not None
    assert reader.error is None
    assert reader.next() is None
    assert reader.status == 400


def test_a_driver_may_give_up_waiting():
    reader = RequestReader()
    reader.receive(POLL[:10])
    assert not reader.idle
    reader.time_out()
    assert (reader.status, reader.next()) == (408, None)


def test_the_stream_after_an_upgrade_is_trailing():
    reader = RequestReader()
    reader.receive(GET + b"SSH-2.0-x\r\n")
    assert reader.next() is not None
    assert reader.trailing == b"SSH-2.0-x\r\n"
    answers = ResponseReader()
    answers.receive(response(101, {"upgrade": "x"}) + b"SSH-2.0-y\r\n")
    answer = answers.next()
    assert answer is not None
    assert (answer.status, answers.trailing) == (101, b"SSH-2.0-y\r\n")


def test_connection_close():
    (asked,) = read_all(RequestReader(), [request("GET", "/", "a", {"Connection": "TE, Close"})])
    assert not asked.keep_alive


@given(st.lists(st.sampled_from([b"", b"{}", b"\r\n\r\n"]), min_size=1, max_size=4), st.data())
def test_answers_in_any_split(bodies, data):
    stream = b"".join(response(200, {"a": "b"}, body) for body in bodies)
    got = read_all(ResponseReader(), cut(stream, data))
    assert [answer.body for answer in got] == bodies
    assert all(answer.keep_alive and answer.headers["a"] == "b" for answer in got)


@pytest.mark.parametrize(
    "stream",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 900 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
def test_answers_that_are_refused(stream):
    reader = ResponseReader()
    assert read_all(reader, [stream]) == []
    assert reader.error is not None


def test_a_proxy_answers_connect_in_its_own_way():
    assert connect_request("2001:db8::1", 443, {"proxy-authorization": "Basic eA=="}).startswith(
        b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nhost: [2001:db8::1]:443\r\n"
    )
    stream = b"HTTP/1.0 407 Non\xe9\r\nvia: 1\r\nvia: 2\r\ncontent-length: 3\r\n\r\nabc"
    reader = ResponseReader(proxy=True)
    (answer,) = read_all(reader, [stream])
    assert (answer.status, answer.headers["via"]) == (407, "1, 2")
    assert reader.trailing == b"abc"


@pytest.mark.parametrize(
    "write",
    [
        lambda: response(200, {"a": "b\r\nc: d"}),
        lambda: response(200, {"a\n": "b"}),
        lambda: response(200, {"a": "é"}),
        lambda: request("GET", "/ HTTP/1.1\r\nx: y", "a", {}),
        lambda: request("GET", "/", "a\r\nx: y", {}),
        lambda: request("GET /", "/", "a", {}),
    ],
)
def test_we_write_no_second_line_into_a_header(write):
    with pytest.raises(LocalMisuseError):
        write()
