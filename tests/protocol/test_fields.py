import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.errors import LimitError, MalformedError, ProtocolError
from bedside.protocol.fields import Fields
from bedside.vocabulary import Level, Mode, parse_device_id

READERS = [
    lambda fields: fields.text("a"),
    lambda fields: fields.text("a", lines=True, max=4),
    lambda fields: fields.parsed("a", parse_device_id),
    lambda fields: fields.integer("a", low=-5, high=5),
    lambda fields: fields.boolean("a"),
    lambda fields: fields.enum("a", Mode),
    lambda fields: fields.enum("a", Level),
    lambda fields: fields.bytes_("a", max=3),
    lambda fields: fields.hex("a", 4),
    lambda fields: fields.list("a", max=2),
    lambda fields: fields.texts("a", max=2),
    lambda fields: fields.blobs("a", max=2, each=3),
    lambda fields: fields.objects("a", max=2),
    lambda fields: fields.object("a"),
    lambda fields: fields.version(),
    lambda fields: fields.end(),
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "v"]), inner),
    max_leaves=6,
)


@given(anything, st.sampled_from(READERS))
def test_nothing_but_a_protocol_error(value, read):
    try:
        read(Fields({"a": value, "v": value}))
    except ProtocolError:
        return


@pytest.mark.parametrize(
    "character", ["\x00", "\t", "\n", "\x1b", "\x7f", "\x85", "\u202e", "\u2066", "\u2028"]
)
def test_texts_for_people_hold_nothing_that_moves_other_words(character):
    assert Fields({"a": "Hôpital « X »"}).text("a") == "Hôpital « X »"
    with pytest.raises(MalformedError) as refused:
        Fields({"a": f"Hôpital{character}"}).text("a")
    assert (refused.value.code, refused.value.where) == ("control_character", "a")


def test_lines_allow_line_feeds_only():
    assert Fields({"a": "x\ny\n"}).text("a", lines=True) == "x\ny\n"
    for text in ("x\ry", "x\ty", "x\x00", "x\x0b"):
        with pytest.raises(MalformedError):
            Fields({"a": text}).text("a", lines=True)


def test_limits():
    assert Fields({"a": "é" * 4}).text("a", max=4) == "é" * 4
    with pytest.raises(LimitError):
        Fields({"a": "é" * 5}).text("a", max=4)
    assert Fields({"a": "AAAA"}).bytes_("a", max=3) == bytes(3)
    for text in ("AAAAAA==", "A" * 10_000):
        with pytest.raises(LimitError):
            Fields({"a": text}).bytes_("a", max=3)
    with pytest.raises(LimitError):
        Fields({"a": [1, 2, 3]}).list("a", max=2)
    with pytest.raises(MalformedError):
        Fields({"a": ""}).text("a")
    assert Fields({"a": ""}).text("a", min=0) == ""


@pytest.mark.parametrize(
    "text", ["AAA", "AA=A", "AB==", "AAAA\n", " AAAA", "AA==AA==", "AA-_", "é==="]
)
def test_base64_has_one_form(text):
    with pytest.raises(MalformedError) as refused:
        Fields({"a": text}).bytes_("a", max=9)
    assert refused.value.code == "base64"


def test_true_is_no_number_and_one_is_no_truth():
    with pytest.raises(MalformedError):
        Fields({"a": True}).integer("a", low=0, high=1)
    with pytest.raises(MalformedError):
        Fields({"a": True}).enum("a", Level)
    with pytest.raises(MalformedError):
        Fields({"a": 1}).boolean("a")
    with pytest.raises(MalformedError):
        Fields({"v": True}).version()


def test_unknown_fields():
    fields = Fields({"a": True, "b": 1})
    fields.boolean("a")
    fields.end(ignore_unknown=True)
    with pytest.raises(MalformedError) as refused:
        fields.end()
    assert refused.value.code == "unknown_field"
    assert fields.integer("b", low=0, high=1) == 1
    fields.end()


def test_optional_is_absent_or_null_but_not_wrong():
    for obj in ({}, {"a": None}):
        fields = Fields(obj)
        assert fields.optional("a", fields.text, max=3) is None
        fields.end()
    fields = Fields({"a": ""})
    with pytest.raises(MalformedError):
        fields.optional("a", fields.text)


def test_where_is_a_path():
    with pytest.raises(MalformedError) as refused:
        Fields({"a": [{"b": {}}]}).objects("a", max=1)[0].object("b").text("c")
    assert str(refused.value) == "a[0].b.c: missing"
