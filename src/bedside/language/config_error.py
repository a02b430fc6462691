"""A configuration that cannot be used: the error owns its sentence, a program says it at its edge.

Whoever finds the fault names the key and knows no reader; `say` is called where it is printed, with
the reader's language. `str` of the error is English, for logs and for who develops. Names of files,
tables and keys stay as they are in every language.
"""

import re
from typing import Self

from bedside.language.furniture import file_sentence
from bedside.language.sentence_error import SentenceError
from bedside.language.tongues import N_, Language

__all__ = ["FIELD_SENTENCES", "ConfigError", "field_error", "file_error", "toml_error"]

FIELD_SENTENCES = {
    "base64": N_("{name} must be base64"),
    "control_character": N_("{name} holds a character that cannot be seen"),
    "depth": N_("the file nests too deeply"),
    "empty": N_("{name} is empty"),
    "missing": N_("{name} is missing"),
    "not_a_boolean": N_("{name} must be true or false"),
    "not_a_list": N_("{name} must be a list"),
    "not_a_member": N_("{name} is none of the known words"),
    "not_an_integer": N_("{name} must be a whole number"),
    "not_an_object": N_("{name} must be a table"),
    "not_text": N_("{name} must be text"),
    "pattern": N_("{name} is not written as it must be"),
    "range": N_("{name} is too small or too large"),
    "repeated": N_("{name}: the same value stands there twice"),
    "size": N_("the file is too large"),
    "too_few": N_("{name} has too few values"),
    "too_long": N_("{name} is too long"),
    "too_many": N_("{name} has too many values"),
    "too_short": N_("{name} is too short"),
    "toml": N_("the file is not TOML"),
    "unknown": N_("{name} is not known here"),
    "unknown_field": N_("{name} holds a key that is not known here"),
    "version": N_("{name} is no version that is known here"),
}
"""What a person reads for each code of the strict readers (`bedside.protocol.fields`)."""

_UNKNOWN_AT_THE_TOP = N_("the file holds a key that is not known here")
_OTHER_FIELD = N_("{name} cannot be used ({code})")
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)\Z")


class ConfigError(SentenceError, ValueError):
    """A file of the configuration cannot be used.

    Args:
        text: a sentence marked with `N_`; it names the key, and the cure where that is not plain.
        where: the file, or the table in it; said before the sentence.
        fields: what stands in the sentence.
    """

    def __init__(self, text: str, /, *, where: str = "", **fields: object) -> None:
        super().__init__(text, **fields)
        self.where = where

    def say(self, language: Language) -> str:
        """Return the place and the sentence, in the language of whoever reads it."""
        said = super().say(language)
        return f"{self.where}: {said}" if self.where else said

    def within(self, place: str) -> Self:
        """Return this error with the file that it was found in said first."""
        self.where = f"{place}: {self.where}" if self.where else place
        return self


def field_error(code: str, name: str = "", *, where: str = "") -> ConfigError:
    """Return the error for what a strict reader refused.

    Args:
        code: the reader's word for it.
        name: the key's full name; empty where it is the whole file.
        where: as for ConfigError.
    """
    if code == "unknown_field" and not name:
        return ConfigError(_UNKNOWN_AT_THE_TOP, where=where)
    return ConfigError(FIELD_SENTENCES.get(code, _OTHER_FIELD), where=where, name=name, code=code)


def file_error(error: OSError, path: str) -> ConfigError:
    """Return the error for a file that cannot be read."""
    return ConfigError(file_sentence(error), where=path, number=error.errno)


def toml_error(error: ValueError | RecursionError) -> ConfigError:
    """Return the error for what `tomllib.loads(data.decode())` raised, with its line and column."""
    if isinstance(error, RecursionError):
        return ConfigError(FIELD_SENTENCES["depth"])
    if isinstance(error, UnicodeDecodeError):
        return ConfigError(N_("the file is not UTF-8 text (byte {number})"), number=error.start)
    # Python 3.14 has the place as attributes, all have it at the end of their English sentence.
    if place := _PLACE.search(str(error)):
        text = N_("the file is not TOML at line {line}, column {column}")
        return ConfigError(text, line=place[1], column=place[2])
    return ConfigError(FIELD_SENTENCES["toml"])
