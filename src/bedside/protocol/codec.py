"""Strict JSON in, canonical JSON out (`docs/protocol/conventions.md`).

1.1 An input has a size limit that its reader names, and is UTF-8 without exception.
1.2 The top is an object; nothing lies deeper than 16 levels.
1.3 No name stands twice in an object.
1.4 Numbers are integers between -(2^53-1) and 2^53-1; there are no fractions and no NaN.
1.5 No string holds half a surrogate pair.
1.7 What we write has sorted names, no spaces, and characters beyond ASCII as themselves.
"""

import json
import re
from binascii import b2a_base64
from collections.abc import Iterable
from dataclasses import fields
from enum import Enum
from functools import cache
from typing import Any, ClassVar

from bedside.protocol.errors import LimitError, LocalMisuseError, MalformedError
from bedside.protocol.fields import Fields

__all__ = ["MAX_DEPTH", "MAX_INTEGER", "Fields", "Wire", "parse_json", "to_json"]

MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1

# Nothing that breaks 1.4 or 1.5 can hide where neither of these stands: sixteen digits, an escape of
# half a pair. A pattern for the digits would take longer than the JSON.
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER = b"0" * 16
_TEXT = frozenset({str})
_CONTAINERS = frozenset({dict, list, tuple})
_HALF_PAIR = re.compile(rb"\\u[dD]")


def parse_json(data: bytes, *, limit: int) -> dict[str, Any]:
    """Return the object that `data` (at most `limit` bytes) holds.

    Raises LimitError for size or depth, MalformedError for everything else, and nothing else.
    """
    if len(data) > limit:  # 1.1
        raise LimitError("size")
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except RecursionError:
        raise LimitError("depth") from None
    except MalformedError:
        raise
    except ValueError:
        raise MalformedError("json") from None
    if type(value) is not dict:  # 1.2
        raise MalformedError("not_an_object")
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH or _is_suspect(data):
        _check_tree(value)
    return value


def _is_suspect(data: bytes) -> bool:
    return _LONG_NUMBER in data.translate(_DIGITS) or _HALF_PAIR.search(data) is not None


def to_json(value: dict[str, Any]) -> bytes:
    """Return the canonical form of `value`; raise LocalMisuseError when it has none."""
    try:
        if not _is_plain(value):
            _check_tree(value, written=True)
        return _ENCODER.encode(value).encode("utf-8")
    except (LimitError, MalformedError, UnicodeEncodeError) as error:
        raise LocalMisuseError(f"no canonical JSON: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):  # 1.3
        raise MalformedError("duplicate_key")
    return unique


def _refuse_number(_text: str) -> Any:
    raise MalformedError("not_an_integer")  # 1.4


def _is_plain(value: Any, levels: int = 4) -> bool:
    """Whether nothing can be wrong with a shallow tree but half a pair, which the encoder finds.

    Most of what is written is: to look at it level by level takes longer than to write it.
    """
    if type(value) is dict:
        if not _TEXT.issuperset(map(type, value)):
            return False
        value = value.values()
    for each in value:
        kind = type(each)
        if kind is str or kind is bool or each is None:
            continue
        if kind is int:
            if not -MAX_INTEGER <= each <= MAX_INTEGER:
                return False
        elif kind not in _CONTAINERS or levels == 1 or not _is_plain(each, levels - 1):
            return False
    return True


def _check_tree(top: Any, *, written: bool = False) -> None:
    level: list[Any] = [top]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value)
                below.extend(value.values())
                if written and not all(isinstance(key, str) for key in value):
                    raise MalformedError("key")
            elif isinstance(value, (list, tuple)):
                below.extend(value)
            else:
                _check_leaf(value)
        if not below:
            return
        level = below
    if any(isinstance(value, (dict, list, tuple)) for value in level):
        raise LimitError("depth")
    for value in level:
        _check_leaf(value)


def _check_leaf(value: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:  # 1.5
            raise MalformedError("surrogate") from None
    elif isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:  # 1.4
            raise MalformedError("integer_range")
    elif value is not None:
        raise MalformedError("not_an_integer" if isinstance(value, float) else "type")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_refuse_number, parse_constant=_refuse_number
)
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


class Wire:
    """A frozen dataclass that crosses a wire: `to_dict` writes its fields by their names.

    `FIXED` holds what every object of the class carries besides (`v`, `kind`, `type`). Reading is
    each class's own `from_dict`, because reading is where the rules are.
    """

    __slots__ = ()
    FIXED: ClassVar[dict[str, str | int]] = {}

    def to_dict(self) -> dict[str, Any]:
        """Return this object as JSON's own types: bytes in base64, enums by value."""
        plain: dict[str, Any] = dict(self.FIXED)
        for name in _field_names(type(self)):  # type: ignore[arg-type]
            value = getattr(self, name)
            kind = type(value)
            plain[name] = value if kind is str or kind is int else _plain(value)
        return plain

    def to_json(self) -> bytes:
        """Return this object as canonical JSON."""
        return to_json(self.to_dict())


@cache
def _field_names(wire: type[Wire]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(wire))  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    if isinstance(value, Wire):
        return value.to_dict()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return b2a_base64(value, newline=False).decode("ascii")
    if isinstance(value, (str, int, dict)) or value is None:
        return value
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    raise LocalMisuseError(f"{type(value).__name__} does not cross a wire")
