import json

from bedside.observe.lines import error_fields, json_line


def test_a_line_has_time_level_event_and_its_fields():
    line = json.loads(
        json_line(5, "info", "session_ended", {"session": "S", "bytes": 3, "ok": True})
    )
    assert line == {
        "at_ms": 5,
        "level": "info",
        "event": "session_ended",
        "session": "S",
        "bytes": 3,
        "ok": True,
    }


def test_what_is_empty_or_no_plain_value_stays_out_and_nothing_is_long():
    fields = {
        "a": None,
        "b": "",
        "c": {"password": "x"},
        "d": b"body",
        "event": "other",
        "e": "x" * 999,
    }
    line = json.loads(json_line(5, "info", "told", fields))
    assert line == {"at_ms": 5, "level": "info", "event": "told", "e": "x" * 300}


def test_an_error_tells_its_first_line_and_where_it_was():
    try:
        raise ValueError("a key exists already\nDETAIL: (address)=(someone@example.com)")
    except ValueError as error:
        told = error_fields(error)
    assert (told["error"], told["told"]) == ("ValueError", "a key exists already")
    assert "someone" not in json.dumps(told)
    assert "test_lines.py" in told["trace"]
