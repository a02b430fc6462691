"""English is the language of the sources; French comes from compiled catalogues.

A French catalogue that is missing is an error, never a silent fall back to English: a French
device shows no English sentence (R49).
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

__all__ = [
    "CATALOGUES",
    "N_",
    "CatalogueMissingError",
    "Language",
    "parse_language",
    "spoken_language",
    "translator",
]

CATALOGUES = Path(__file__).parent.parent / "locale"
"""Where the compiled catalogues of all programs but the console's pages are."""


class Language(StrEnum):
    """The languages of the house."""

    ENGLISH = "en"
    FRENCH = "fr"


class CatalogueMissingError(RuntimeError):
    """A catalogue was not compiled: the installation is not whole."""


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Mark `text` for the catalogues and return it as it is."""
    return text


def parse_language(text: str) -> Language:
    """Return the language of a locale's name such as `fr_CA.UTF-8`; English where unknown."""
    return Language.FRENCH if text[:2].lower() == "fr" else Language.ENGLISH


def spoken_language(environment: Mapping[str, str]) -> Language:
    """Return the language of whoever runs a command, by the locale's variables, as gettext does."""
    names = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    return parse_language(next((environment[name] for name in names if environment.get(name)), ""))


@cache
def translator(
    language: Language, domain: str = "bedside", catalogues: Path = CATALOGUES
) -> Callable[[str], str]:
    """Return the function that says a marked sentence in `language`.

    Args:
        language: whom to speak to.
        domain: the catalogue: `bedside`, `bedside-panel`, `bedside-cli`, `bedside-agent`,
            `bedside-site`.
        catalogues: the folder that it is in; the console's own apps have folders of their own.

    Raises:
        CatalogueMissingError: the catalogue of that language was not compiled.
    """
    if language is Language.ENGLISH:
        return N_
    # Imported here: the idle agent speaks to nobody.
    import gettext

    try:
        return gettext.translation(domain, catalogues, [language.value]).gettext
    except FileNotFoundError:
        raise CatalogueMissingError(
            f"the {language.value} catalogue {domain} is not compiled: run `make venv`"
        ) from None
