"""Bodies of the REST API as strict JSON, and the base of every schema."""

from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Field, Schema
from ninja.parser import Parser
from pydantic import AfterValidator, ConfigDict
from pydantic_core import PydanticCustomError

from bedside.console.rest.countries import COUNTRIES
from bedside.console.rest.cursors import MAX_LIMIT
from bedside.console.rest.problems import ProblemError
from bedside.protocol.codec import parse_json
from bedside.protocol.errors import LimitError, ProtocolError
from bedside.protocol.fields import check_text

__all__ = [
    "MAX_BODY",
    "Body",
    "Country",
    "Empty",
    "PageQuery",
    "Plain",
    "StrictParser",
    "too_large",
]

MAX_BODY = 64 * 1024
_MAX_TEXT = 5000


def _plain(text: str) -> str:
    try:
        return check_text(text, "text", max=_MAX_TEXT, min=0)
    except ProtocolError as error:
        raise PydanticCustomError(error.code, "{code}", {"code": error.code}) from error


Plain = Annotated[str, AfterValidator(_plain)]
"""A line from a person: no control characters, no marks that turn the direction of text."""


def _country(code: str) -> str:
    if code not in COUNTRIES:
        raise PydanticCustomError("country", "country")
    return code


Country = Annotated[
    str, AfterValidator(_country), Field(json_schema_extra={"pattern": "^[A-Z]{2}$"})
]
"""A country that there is: the two capital letters that ISO 3166-1 assigns."""


class Body(Schema):
    """What a client sends: a field that is not known is refused, types are not guessed."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Empty(Body):
    """Nothing is asked beside the address."""


class PageQuery(Schema):
    """Where a page begins, and how long it is."""

    cursor: str | None = Field(None, max_length=200)
    limit: int = Field(50, ge=1, le=MAX_LIMIT)


class StrictParser(Parser):
    """Reads a body by the protocol's own codec: no duplicate keys, no floats, limits of size and depth."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return the body's object; an empty body is an empty object."""
        data = request.body
        if not data:
            return {}
        try:
            return parse_json(data, limit=MAX_BODY)
        except LimitError as error:
            raise too_large() from error
        except ProtocolError as error:
            title = _("The request is not the JSON that is expected here.")
            raise ProblemError(400, "malformed", title, fault=error.code) from error


def too_large() -> ProblemError:
    """Return the problem of a body over its limit."""
    return ProblemError(413, "too_large", _("The request is too large."))
