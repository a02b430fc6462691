"""The two languages that every part speaks, from one set of catalogues."""

from enum import StrEnum

__all__ = ["Language"]


class Language(StrEnum):
    """The languages of the house."""

    ENGLISH = "en"
    FRENCH = "fr"
