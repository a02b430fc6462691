"""Lines between supervisor and worker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.lines import LineBuffer, LineError, parse_line, to_line


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text())), st.integers(1, 7))
def test_lines_come_out_as_they_went_in_however_they_are_cut(objects, size):
    data = b"".join(map(to_line, objects))
    buffer = LineBuffer(100_000)
    lines = [line for at in range(0, len(data), size) for line in buffer.feed(data[at : at + size])]
    assert [parse_line(line) for line in lines] == objects


def test_a_line_that_is_too_long_is_refused_before_it_ends():
    with pytest.raises(LineError):
        LineBuffer(10).feed(b"x" * 11)
    with pytest.raises(LineError):
        LineBuffer(10).feed(b"x" * 11 + b"\n")


@pytest.mark.parametrize("line", [b"[]", b"1", b"{", b"\xff"])
def test_what_is_not_an_object_is_refused(line):
    with pytest.raises(LineError):
        parse_line(line)
