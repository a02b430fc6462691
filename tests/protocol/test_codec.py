import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.codec import MAX_DEPTH, MAX_INTEGER, Wire, parse_json, to_json
from bedside.protocol.errors import LimitError, LocalMisuseError, MalformedError, ProtocolError

LIMIT = 4096

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def nested(levels):
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


@given(st.dictionaries(texts, values, max_size=5))
def test_what_we_write_reads_back_the_same(value):
    assert parse_json(to_json(value), limit=10**6) == value


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_a_protocol_error(data):
    try:
        assert isinstance(parse_json(data, limit=150), dict)
    except ProtocolError:
        return


@given(st.text(alphabet='{}[]",:\\ud8012.eE+-ntf ', max_size=60))
def test_near_json_raises_nothing_but_a_protocol_error(text):
    try:
        value = parse_json(text.encode(), limit=LIMIT)
    except ProtocolError:
        return
    assert parse_json(to_json(value), limit=LIMIT) == value


def test_canonical_form():
    assert to_json({"b": [1, None, True], "a": "é\n"}) == '{"a":"é\\n","b":[1,null,true]}'.encode()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"a":1,"a":1}', "duplicate_key"),
        (b'{"a":{"b":1,"b":2}}', "duplicate_key"),
        (b'{"a":1.0}', "not_an_integer"),
        (b'{"a":1e3}', "not_an_integer"),
        (b'{"a":NaN}', "not_an_integer"),
        (b'{"a":-Infinity}', "not_an_integer"),
        (b'{"a":9007199254740992}', "integer_range"),
        (b'{"a":-9007199254740992}', "integer_range"),
        (b'{"a":' + b"9" * 3000 + b"}", "integer_range"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
        (b'{"a":"\xff"}', "json"),
        (b'\xef\xbb\xbf{"a":1}', "json"),
        (b'{"a":1} x', "json"),
        (b'{"a":"\n"}', "json"),
        (b"[1]", "not_an_object"),
        (b"1", "not_an_object"),
        (b"", "json"),
    ],
)
def test_refused(data, code):
    with pytest.raises(MalformedError) as refused:
        parse_json(data, limit=LIMIT)
    assert refused.value.code == code


def test_integers_at_the_edge_are_read():
    assert parse_json(b'{"a":9007199254740991}', limit=LIMIT) == {"a": MAX_INTEGER}


def test_a_pair_of_surrogates_is_a_character():
    assert parse_json(b'{"a":"\\ud83d\\ude00"}', limit=LIMIT) == {"a": "😀"}


def test_size_and_depth_are_limits():
    assert parse_json(nested(MAX_DEPTH), limit=LIMIT)
    for data in (nested(MAX_DEPTH + 1), nested(100_000)):
        with pytest.raises(LimitError) as refused:
            parse_json(data, limit=10**6)
        assert refused.value.code == "depth"
    with pytest.raises(LimitError) as refused:
        parse_json(b'{"a":1}', limit=6)
    assert refused.value.code == "size"


def test_leaves_at_the_deepest_level_obey_the_rules_too():
    lists = MAX_DEPTH - 1
    for leaf in (b'"x"', b"1"):
        assert parse_json(b'{"a":' + b"[" * lists + leaf + b"]" * lists + b"}", limit=LIMIT)
    for leaf in (b'"\\ud800"', b"9007199254740992"):
        with pytest.raises(MalformedError):
            parse_json(b'{"a":' + b"[" * lists + leaf + b"]" * lists + b"}", limit=LIMIT)


def test_what_does_not_cross_a_wire_is_our_fault():
    @dataclass(frozen=True)
    class Odd(Wire):
        what: object

    assert Odd((1, b"x")).to_dict() == {"what": [1, "eA=="]}
    with pytest.raises(LocalMisuseError):
        Odd(object()).to_dict()


def test_many_objects_side_by_side_are_not_depth():
    data = json.dumps({"a": [{}] * 40}).encode()
    assert len(parse_json(data, limit=LIMIT)["a"]) == 40


WRONG = [1.5, float("nan"), 2**53, -(2**53), "\ud800", b"bytes", {1: 2}, {"\ud800": 1}, object()]


@pytest.mark.parametrize("depth", [0, 1, 4, 10])
@pytest.mark.parametrize("value", WRONG)
def test_what_has_no_canonical_form_is_our_fault(value, depth):
    for _ in range(depth):
        value = [1, value]
    with pytest.raises(LocalMisuseError):
        to_json({"a": value})


def test_what_is_too_deep_to_be_read_is_not_written():
    value = "x"
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert parse_json(to_json({"a": value}), limit=LIMIT) == {"a": value}
    with pytest.raises(LocalMisuseError):
        to_json({"a": [value]})
