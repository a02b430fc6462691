"""One JSON object a line: what every program of the house writes into its log."""

import json
import traceback
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Value", "error_fields", "json_line"]

Value = str | int | float | bool | None
_LONGEST = 300
_FRAMES = 12


def json_line(at_ms: int, level: str, event: str, fields: Mapping[str, object]) -> str:
    """Return a line without its end: time (Unix milliseconds), level, event in snake case, fields.

    Fields that are empty are left out; what is no number, text or truth is left out too: a body or an
    object must not come into a log by accident.
    """
    line: dict[str, object] = {"at_ms": at_ms, "level": level, "event": event}
    for name, value in fields.items():
        if value is None or value == "" or name in line:
            continue
        if isinstance(value, str):
            line[name] = str(value)[:_LONGEST]
        elif isinstance(value, bool | int | float):
            line[name] = value
    return json.dumps(line, ensure_ascii=False)


def error_fields(error: BaseException) -> dict[str, Value]:
    """Return what a log says of an error: its kind, its first line, and where it came from.

    The rest of its words stays out: databases put the values of rows there.
    """
    told = str(error).strip().partition("\n")[0]
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = [f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in frames]
    return {"error": type(error).__name__, "told": told, "trace": " < ".join(reversed(places))}
