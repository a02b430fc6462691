"""What each language writes in its own way: quotation marks, times with their zone."""

from datetime import datetime

from bedside.language.tongues import Language

__all__ = ["minute_text", "quoted", "zone_name"]

_MARKS = {Language.ENGLISH: "“{}”", Language.FRENCH: "«\u00a0{}\u00a0»"}
# Canadian French has its own names for the zones of North America.
_FRENCH_ZONES = {
    "NST": "HNT", "NDT": "HAT", "AST": "HNA", "ADT": "HAA", "EST": "HNE", "EDT": "HAE",
    "CST": "HNC", "CDT": "HAC", "MST": "HNR", "MDT": "HAR", "PST": "HNP", "PDT": "HAP",
}  # fmt: skip


def quoted(text: str, language: Language) -> str:
    """Return somebody's own words between the marks of `language`."""
    return _MARKS[language].format(text)


def minute_text(at: datetime, language: Language) -> str:
    """Return a time to the minute with its zone: `2026-11-26 09:14 EST`, `2026-11-26 09:14 HNE`."""
    return f"{at:%Y-%m-%d %H:%M} {zone_name(at, language)}"


def zone_name(at: datetime, language: Language) -> str:
    """Return the short name of the zone in which `at` is told: `EST`, `HNE`; `UTC` where it has none."""
    name = at.tzname() or "UTC"
    return _FRENCH_ZONES.get(name, name) if language is Language.FRENCH else name
