"""What is wrong with a value of a request, as a sentence that names the field and the limit.

What was sent is never repeated: it may be a secret, or script.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy

__all__ = ["fault_sentence"]

_NAMES = {
    "case": gettext_lazy("Case"),
    "duration_minutes": gettext_lazy("Minutes"),
    "reason": gettext_lazy("Reason"),
    "ticket": gettext_lazy("Change ticket"),
}
"""Fields that people fill in by a page or a command, as these call them."""

_SENTENCES = {
    "bool_type": gettext_lazy("%(field)s: true or false is needed."),
    "control_character": gettext_lazy(
        "%(field)s: holds a character that cannot be seen or that turns the direction of the text. "
        "Type it again without it."
    ),
    "country": gettext_lazy(
        "%(field)s: the two capital letters of a country are needed (ISO 3166), such as CA."
    ),
    "enum": gettext_lazy("%(field)s: one of %(limit)s is needed."),
    "extra_forbidden": gettext_lazy("%(field)s: there is no such field."),
    "greater_than_equal": gettext_lazy("%(field)s: at least %(limit)s."),
    "int_from_float": gettext_lazy("%(field)s: a whole number is needed."),
    "int_parsing": gettext_lazy("%(field)s: a whole number is needed."),
    "int_type": gettext_lazy("%(field)s: a whole number is needed."),
    "less_than_equal": gettext_lazy("%(field)s: at most %(limit)s."),
    "literal_error": gettext_lazy("%(field)s: one of %(limit)s is needed."),
    "missing": gettext_lazy("%(field)s: a value is needed."),
    "string_too_long": gettext_lazy("%(field)s: at most %(limit)s characters."),
    "string_too_short": gettext_lazy("%(field)s: at least %(limit)s characters."),
    "string_type": gettext_lazy("%(field)s: a text is needed."),
    "too_long": gettext_lazy("%(field)s: at most %(limit)s entries."),
    "too_short": gettext_lazy("%(field)s: at least %(limit)s entries."),
}
_LIMITS = ("le", "ge", "max_length", "min_length", "expected")


def fault_sentence(where: str, code: str, context: Mapping[str, Any] | None = None) -> str:
    """Return a sentence in the reader's language.

    Args:
        where: the field's path, as `duration_minutes`.
        code: the kind of fault, by pydantic's or the protocol's word.
        context: the limits that the schema states.
    """
    known = context or {}
    limit = next((known[name] for name in _LIMITS if name in known), "")
    if code in ("enum", "literal_error"):
        limit = str(limit).replace(" or ", ", ")
    if code in ("string_too_short", "too_short") and limit == 1:
        code = "missing"
    words = _SENTENCES.get(code) or gettext_lazy("%(field)s: this value cannot be used.")
    return str(words) % {"field": _NAMES.get(where, where), "limit": limit}
