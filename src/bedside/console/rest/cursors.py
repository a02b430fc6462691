"""Keyset pages: a cursor is the last row's key, so a page costs the same wherever it is."""

import base64
import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import IntegerField, Model, QuerySet

__all__ = ["MAX_LIMIT", "CursorError", "Page", "page_after"]

MAX_LIMIT = 100
_MAX_DIGITS = 18
_KEY = re.compile(r"[A-Za-z0-9-]{1,64}")
_M = TypeVar("_M", bound=Model)


class CursorError(ValueError):
    """A cursor that was not given by us."""


@dataclass(frozen=True, slots=True)
class Page(Generic[_M]):
    """Some rows, and the cursor of those after them; None at the end."""

    rows: list[_M]
    next: str | None


def page_after(
    rows: QuerySet[_M], cursor: str | None, *, limit: int = 50, newest_first: bool = False
) -> Page[_M]:
    """Return the page of `rows` (text primary keys) after `cursor`, without counting the rest.

    Raises:
        CursorError: the cursor is not one of ours.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    if cursor:
        key = _key_of(rows.model, _decode(cursor))
        rows = rows.filter(pk__lt=key) if newest_first else rows.filter(pk__gt=key)
    ordered = rows.order_by("-pk" if newest_first else "pk")
    found = list(ordered[: limit + 1])
    following = _encode(str(found[limit - 1].pk)) if len(found) > limit else None
    return Page(found[:limit], following)


def _key_of(model: type[_M], text: str) -> str | int:
    """Return the key in its own type: a number must be one, and fit into its column."""
    if not isinstance(model._meta.pk, IntegerField):
        return text
    if not text.isdecimal() or len(text) > _MAX_DIGITS:
        raise CursorError("not a cursor")
    return int(text)


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode("ascii").rstrip("=")


def _decode(cursor: str) -> str:
    if len(cursor) > 200:
        raise CursorError("cursor is too long")
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except ValueError as error:  # not base64, not ASCII, not UTF-8
        raise CursorError("not a cursor") from error
    if not _KEY.fullmatch(key):
        raise CursorError("not a cursor")
    return key
