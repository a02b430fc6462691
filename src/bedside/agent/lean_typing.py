"""The names of `typing` that the idle supervisor's modules use, without what stands behind them.

Annotations are for who reads and checks the source: while it runs nobody asks what they mean, and
the real module costs the idle device more than half a mebibyte. `lean` puts these in its place; any
other name brings the real one.
"""

import sys
from collections import namedtuple
from collections.abc import Mapping

__all__ = ["NAMES"]


class _Name:
    """Something to annotate with: takes arguments, brackets and bars, and stays what it is."""

    def __init__(self, *_arguments: object, **_options: object) -> None:
        """Take what the real one takes."""

    def __getitem__(self, _item: object) -> "_Name":
        return self

    def __or__(self, _other: object) -> "_Name":
        return self

    __ror__ = __or__


class _NewType(_Name):
    def __call__(self, value: object) -> object:
        return value


class _NamedTuples(type):
    """Makes what `class X(NamedTuple)` describes."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, object]) -> type:
        if not bases:
            return super().__new__(cls, name, bases, body)
        fields: Mapping[str, object] = body["__annotations__"]  # type: ignore[assignment]
        defaults = [body[field] for field in fields if field in body]
        made = namedtuple(name, fields, defaults=defaults, module=str(body["__module__"]))  # type: ignore[misc] # noqa: PYI024 - this is how
        for key, value in body.items():
            if key not in fields and key not in {"__annotations__", "__module__"}:
                setattr(made, key, value)
        return made


class _NamedTuple(metaclass=_NamedTuples):
    """The base that says so."""


NAMES: Mapping[str, object] = {
    "TYPE_CHECKING": False,
    "Any": _Name(),
    "ClassVar": _Name(),
    "NewType": _NewType,
    "NoReturn": _Name(),
    "Self": _Name(),
    "TypeVar": _Name,
    "_GenericAlias": _Name,
    # From 3.14 on a class's body does not hold its annotations: the real one knows what to do.
    **({"NamedTuple": _NamedTuple} if sys.version_info < (3, 14) else {}),
}
"""By name; `dataclasses` itself asks for `_GenericAlias`, and which annotations are `ClassVar`."""
