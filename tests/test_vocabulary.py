"""Ids are read strictly, and values that cross wires keep their form."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside import vocabulary
from bedside.vocabulary import (
    JournalAction,
    Permission,
    parse_device_id,
    parse_relay_name,
    parse_session_id,
)

SESSION = "01JABCDEFGHJKMNPQRSTVWXYZ0"
PARSERS = [
    (parse_device_id, ["CI-20417", "WS-00311", "A-1", "A1234567-" + "9" * 20]),
    (parse_relay_name, ["a", "eu-2", "a" * 31]),
    (parse_session_id, [SESSION, "7" + "Z" * 25]),
]


@pytest.mark.parametrize(("parse", "good"), PARSERS)
def test_ids_are_read(parse, good):
    for text in good:
        assert parse(text) == text


@pytest.mark.parametrize(("parse", "good"), PARSERS)
def test_what_is_nearly_an_id_is_refused(parse, good):
    for text in good:
        for wrong in ("", f"{text}\n", f" {text}", f"{text}\x00", f"{text}/..", text.swapcase()):
            with pytest.raises(ValueError, match="not a"):
                parse(wrong if wrong != text else "")


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_device_id, "C-I-2"),
        (parse_device_id, "-1"),
        (parse_device_id, "A-" + "9" * 21),
        (parse_device_id, "ABCDEFGHI-1"),
        (parse_relay_name, "a" * 32),
        (parse_relay_name, "-a"),
        (parse_relay_name, "é"),
        (parse_session_id, "8" + SESSION[1:]),
        (parse_session_id, SESSION[:-1] + "I"),
        (parse_session_id, SESSION[:-1] + "\u0660"),
        (parse_session_id, SESSION + "0"),
    ],
)
def test_limits_of_ids(parse, text):
    with pytest.raises(ValueError, match="not a"):
        parse(text)


@given(st.sampled_from([parse for parse, _ in PARSERS]), st.text(max_size=40))
def test_any_text_is_an_id_or_a_value_error(parse, text):
    try:
        assert parse(text) == text
    except ValueError:
        return


@pytest.mark.parametrize("words", [JournalAction, Permission])
def test_names_and_values_agree_and_stand_in_order(words):
    values = [word.value for word in words]
    assert values == sorted(values)
    for word in words:
        assert re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z_]+", word)
        assert word.name == word.value.replace(":", "_").upper()


def test_every_name_is_exported_once():
    in_order = sorted(set(vocabulary.__all__), key=lambda name: (not name.isupper(), name))
    assert in_order == vocabulary.__all__
