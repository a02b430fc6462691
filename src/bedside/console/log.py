"""What the console's processes write into their logs, as JSON or as text.

1. A line holds words and ids: no secret, no body, no token, nothing of a mail, no name of a person.
2. What another package writes is told by its sentence without its values, because these are addresses
   with one-time codes in them, headers, rows. Only words of HTTP itself are put in.
3. Each line of a request carries the request's id, and each act its session and device.
"""

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from http import HTTPMethod, HTTPStatus
from typing import Any

from django.conf import settings

from bedside.observe.lines import Value, error_fields, json_line

__all__ = [
    "JsonFormatter",
    "TextFormatter",
    "announce",
    "bind",
    "bindings",
    "bound",
    "name_process",
    "told",
]

_context: ContextVar[dict[str, Value] | None] = ContextVar("log_context", default=None)
_process = {"name": "command"}
_PLACE = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?[diufsrx]")
_HTTP_WORDS = frozenset(
    [*HTTPMethod, "HTTP/1.0", "HTTP/1.1", "HTTP/2"]
    + [word for status in HTTPStatus for word in (str(status.value), status.phrase)]
)
_OURS = "bedside"


def name_process(name: str) -> None:
    """Say which program this process is: `web`, `live`, `worker`."""
    _process["name"] = name


def told(event: str, **fields: Value) -> dict[str, Any]:
    """Return the `extra` of a line: its event in snake case, and ids and words by name."""
    return {"event": event, "fields": fields}


@contextlib.contextmanager
def bound(**fields: Value) -> Iterator[dict[str, Value]]:
    """Give every line within these fields; `bind` adds to them, and they are given for reading."""
    mine = {**(_context.get() or {}), **fields}
    token = _context.set(mine)
    try:
        yield mine
    finally:
        _context.reset(token)


def announce(event: str, words: str, **fields: Value) -> None:
    """Say that a process is at work: a line of log where logs are JSON, else on standard output."""
    if settings.CONFIG.log.format == "json":
        logging.getLogger("bedside").info(words, extra=told(event, **fields))
    else:
        print(words, flush=True)


def bindings() -> Mapping[str, Value]:
    """Return the fields that every line has now."""
    return _context.get() or {}


def bind(**fields: Value) -> None:
    """Add fields to what `bound` gives; where nothing is bound, nothing happens."""
    mine = _context.get()
    if mine is not None:
        mine.update({name: value for name, value in fields.items() if value})


class JsonFormatter(logging.Formatter):
    """One JSON object a line (`bedside.observe.lines`)."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        fields: dict[str, object] = {
            "process": _process["name"],
            **(_context.get() or {}),
            **getattr(record, "fields", {}),
            **_of_request(record),
        }
        if not hasattr(record, "event"):
            fields |= {"logger": record.name, "message": _sentence(record)}
        if record.exc_info and record.exc_info[1] is not None:
            fields |= error_fields(record.exc_info[1])
        event = getattr(record, "event", "message")
        return json_line(int(record.created * 1000), record.levelname.lower(), event, fields)


class TextFormatter(logging.Formatter):
    """The same for a terminal: time, level, logger, words; a traceback where there is one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's
        """Return the line without its traceback."""
        if not record.name.startswith(_OURS):
            words = [f"{name}={value}" for name, value in _of_request(record).items()]
            record.message = " ".join([_sentence(record), *words])
        return super().formatMessage(record)


def _sentence(record: logging.LogRecord) -> str:
    """Return a record's words: ours with their values, another package's without (rule 2).

    Of those, what HTTP itself says stays (`Not Found: …`): it is nobody's.
    """
    if record.name.startswith(_OURS):
        return record.getMessage()
    words, values = str(record.msg), record.args
    if not isinstance(values, tuple) or not values:
        return words
    try:
        return _PLACE.sub("%s", words) % tuple(map(_of_http, values))
    except (TypeError, ValueError):
        return words


def _of_http(value: object) -> str:
    text = str(value) if isinstance(value, str | int) else ""
    return text if text in _HTTP_WORDS else "…"


def _of_request(record: logging.LogRecord) -> dict[str, Value]:
    """Return what Django's own lines tell of a request: its page, never its address."""
    request = getattr(record, "request", None)
    if request is None:
        return {}
    match = getattr(request, "resolver_match", None)
    return {
        "view": match.view_name if match is not None else "",
        "status": getattr(record, "status_code", None),
    }
