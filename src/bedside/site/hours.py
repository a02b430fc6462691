"""The hours of a support centre, in the reader's language.

A part that is written as a weekly window is (`mon-fri 08:00-20:00`, in either language) is said in
words; what stands behind it (a zone) or is written otherwise (`24/7`) stays as it is.
"""

import re

from bedside.language import Language
from bedside.site.errors import SiteError
from bedside.site.windows import parse_weekly, weekly_words

__all__ = ["hours_words"]

_PART = re.compile(r"(?P<window>.*[0-9]{2}:[0-9]{2})(?P<rest>.*)")


def hours_words(hours: str, language: Language) -> str:
    """Return `hours` (parts with `;` between them) as a person reads them; never raises."""
    return "; ".join(_part(part.strip(), language) for part in hours.split(";") if part.strip())


def _part(part: str, language: Language) -> str:
    match = _PART.fullmatch(part)
    if match is None:
        return part
    try:
        words = weekly_words(parse_weekly(match["window"]), language)
    except SiteError:
        return part
    rest = match["rest"].strip()
    return f"{words} ({rest.strip('()')})" if rest else words
