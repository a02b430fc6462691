"""A connection that breaks is one line; any other fault keeps its traceback."""

import asyncio
import logging

import pytest

from bedside.agent.broken_line import say_quietly


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(say_quietly)
    yield loop
    loop.close()


@pytest.mark.parametrize("error", [RuntimeError("the handler is closed"), BrokenPipeError()])
def test_a_connection_that_breaks_is_one_line(loop, capsys, caplog, error):
    loop.call_exception_handler({"message": "Fatal error on SSL protocol", "exception": error})
    assert capsys.readouterr().err == f"a TLS connection broke: {type(error).__name__}\n"
    assert not caplog.records


@pytest.mark.parametrize(
    ("message", "error"),
    [("Fatal error on SSL protocol", TypeError()), ("Something else", RuntimeError("closed"))],
)
def test_any_other_fault_is_said_as_always(loop, capsys, caplog, message, error):
    with caplog.at_level(logging.ERROR, logger="asyncio"):
        loop.call_exception_handler({"message": message, "exception": error})
    (record,) = caplog.records
    assert record.exc_info[1] is error
    assert capsys.readouterr().err == ""
