"""One reader for the fields of a message: every text has a maximum, every number a range."""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Sequence
from enum import IntEnum, StrEnum
from typing import Any, TypeVar

from bedside.protocol.errors import LimitError, MalformedError

__all__ = ["Fields", "check_text", "unbase64"]

Member = TypeVar("Member", bound=StrEnum | IntEnum)
Value = TypeVar("Value")

# What could move, hide or reorder the words around it: control characters (C0, DEL, C1), line and
# paragraph separators, marks, embeddings, overrides and isolates of direction, the byte order mark
# (docs/protocol/conventions.md, 1.10).
_MOVES = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
_UNSAFE = re.compile(rf"[\x00-\x1f{_MOVES}]")
_UNSAFE_IN_LINES = re.compile(rf"[\x00-\x09\x0b-\x1f{_MOVES}]")
_HEX = re.compile(r"[0-9a-f]*\Z")


def check_text(text: Any, where: str, *, max: int, min: int = 1, lines: bool = False) -> str:  # noqa: A002
    """Return `text` if it is a string of `min` to `max` characters without control characters.

    With `lines`, line feeds are allowed. Raises MalformedError or LimitError, naming `where`.
    """
    if type(text) is not str:
        raise MalformedError("not_text", where)
    if len(text) > max:
        raise LimitError("too_long", where)
    if len(text) < min:
        raise MalformedError("empty", where)
    if (_UNSAFE_IN_LINES if lines else _UNSAFE).search(text):
        raise MalformedError("control_character", where)
    return text


class Fields:
    """The fields of one object of a message, read once each by name.

    Every reader raises MalformedError (wrong or missing) or LimitError (too large), naming the
    field by its path from `where`. `end` refuses what nobody read.
    """

    __slots__ = ("_object", "_read", "_where")

    def __init__(self, obj: Any, where: str = "") -> None:
        if type(obj) is not dict:
            raise MalformedError("not_an_object", where)
        self._object: dict[str, Any] = obj
        self._where = where
        self._read: set[str] = set()

    def _path(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name

    def _take(self, name: str) -> Any:
        self._read.add(name)
        try:
            return self._object[name]
        except KeyError:
            raise MalformedError("missing", self._path(name)) from None

    def has(self, name: str) -> bool:
        """Return whether `name` is present and not null; either way it counts as read."""
        self._read.add(name)
        return self._object.get(name) is not None

    def version(self, version: int = 1) -> None:
        """Refuse an object whose `v` is not `version`."""
        if self.integer("v", low=0, high=2**31) != version:
            raise MalformedError("version", self._path("v"))

    def text(
        self,
        name: str,
        *,
        max: int = 200,  # noqa: A002
        min: int = 1,  # noqa: A002
        pattern: re.Pattern[str] | None = None,
        lines: bool = False,
    ) -> str:
        """Return a text of `min` to `max` characters that matches the whole of `pattern`."""
        text = check_text(self._take(name), self._path(name), max=max, min=min, lines=lines)
        if pattern is not None and not pattern.fullmatch(text):
            raise MalformedError("pattern", self._path(name))
        return text

    def parsed(self, name: str, parse: Callable[[str], Value], *, max: int = 64) -> Value:  # noqa: A002
        """Return what `parse` makes of a text; its ValueError becomes MalformedError."""
        text = self.text(name, max=max)
        try:
            return parse(text)
        except ValueError:
            raise MalformedError("pattern", self._path(name)) from None

    def integer(self, name: str, *, low: int, high: int) -> int:
        """Return an integer from `low` to `high`."""
        number = self._take(name)
        if type(number) is not int:
            raise MalformedError("not_an_integer", self._path(name))
        if not low <= number <= high:
            raise MalformedError("range", self._path(name))
        return number

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        value = self._take(name)
        if type(value) is not bool:
            raise MalformedError("not_a_boolean", self._path(name))
        return value

    def enum(self, name: str, members: type[Member]) -> Member:
        """Return the member of `members` with this value."""
        value = self._take(name)
        try:
            if type(value) is bool:
                raise ValueError
            return members(value)
        except ValueError:
            raise MalformedError("not_a_member", self._path(name)) from None

    def bytes_(self, name: str, *, max: int, min: int = 0) -> bytes:  # noqa: A002
        """Return the bytes (`min` to `max`) of a base64 text with padding and nothing else."""
        return unbase64(self._take(name), self._path(name), low=min, high=max)

    def hex(self, name: str, length: int) -> str:
        """Return a lower-case hexadecimal text of `length` characters."""
        text = self.text(name, max=length, min=length)
        if not _HEX.match(text):
            raise MalformedError("pattern", self._path(name))
        return text

    def list(self, name: str, *, max: int, min: int = 0) -> Sequence[Any]:  # noqa: A002
        """Return an array of `min` to `max` elements of any type."""
        value = self._take(name)
        if type(value) is not list:
            raise MalformedError("not_a_list", self._path(name))
        if len(value) > max:
            raise LimitError("too_many", self._path(name))
        if len(value) < min:
            raise MalformedError("too_few", self._path(name))
        return value

    def texts(
        self,
        name: str,
        *,
        max: int,  # noqa: A002
        each: int = 200,
        min: int = 0,  # noqa: A002
        lines: bool = False,
        pattern: re.Pattern[str] | None = None,
    ) -> tuple[str, ...]:
        """Return an array of `min` to `max` texts of up to `each` characters."""
        where = self._path(name)
        texts = tuple(
            check_text(item, where, max=each, lines=lines)
            for item in self.list(name, max=max, min=min)
        )
        if pattern is not None and not all(map(pattern.fullmatch, texts)):
            raise MalformedError("pattern", where)
        return texts

    def blobs(self, name: str, *, max: int, each: int) -> tuple[bytes, ...]:  # noqa: A002
        """Return an array of up to `max` base64 texts of up to `each` bytes, decoded."""
        where = self._path(name)
        return tuple(unbase64(item, where, low=1, high=each) for item in self.list(name, max=max))

    def object(self, name: str) -> "Fields":
        """Return the reader of an object below this one; its own `end` must be called."""
        return Fields(self._take(name), self._path(name))

    def objects(self, name: str, *, max: int, min: int = 0) -> "tuple[Fields, ...]":  # noqa: A002
        """Return the readers of an array of `min` to `max` objects."""
        return tuple(
            Fields(item, f"{self._path(name)}[{index}]")
            for index, item in enumerate(self.list(name, max=max, min=min))
        )

    def optional(self, name: str, reader: Callable[..., Value], **options: Any) -> Value | None:
        """Return `reader(name, **options)`, or None where the field is absent or null.

        `reader` is a method of this object: `fields.optional("ticket", fields.text, max=64)`.
        """
        return reader(name, **options) if self.has(name) else None

    def unread(self) -> Sequence[str]:
        """Return the names of the fields that nobody read, sorted; for a file that is its reader's own."""
        return sorted(self._object.keys() - self._read)

    def end(self, *, ignore_unknown: bool = False) -> None:
        """Refuse fields that nobody read, unless unknown fields are ignored on this wire."""
        if not ignore_unknown and len(self._object) != len(self._read & self._object.keys()):
            raise MalformedError("unknown_field", self._where)


def unbase64(text: Any, where: str, *, low: int, high: int) -> bytes:
    """Return the bytes that a text stands for, as `Fields.bytes_`; `where` names it in an error."""
    if type(text) is not str:
        raise MalformedError("not_text", where)
    if len(text) > (high + 2) // 3 * 4:
        raise LimitError("too_long", where)
    try:
        data = a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        raise MalformedError("base64", where) from None
    # One text for one value: unused bits that are not zero are refused as well (1.9).
    if b2a_base64(data, newline=False) != text.encode("ascii"):
        raise MalformedError("base64", where)
    if len(data) > high:
        raise LimitError("too_long", where)
    if len(data) < low:
        raise MalformedError("too_short", where)
    return data
