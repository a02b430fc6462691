"""Pages of rows by key: the address says after which row a page begins."""

from typing import TypeVar

from django.core.exceptions import BadRequest
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from bedside.console.rest.cursors import Page, page_after

__all__ = ["page_of"]

_M = TypeVar("_M", bound=Model)
_ROWS = 50


def page_of(request: HttpRequest, rows: QuerySet[_M], *, newest_first: bool = False) -> Page[_M]:
    """Return the page that `after` in the address asks for, or raise BadRequest."""
    try:
        return page_after(rows, request.GET.get("after"), limit=_ROWS, newest_first=newest_first)
    except ValueError as error:  # not a cursor of ours, or one of another list
        raise BadRequest(str(error)) from error
