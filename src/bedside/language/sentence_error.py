"""An error that owns its sentence: whoever finds the fault knows no reader, a program says it at its edge."""

from pathlib import Path
from typing import ClassVar

from bedside.language.tongues import CATALOGUES, Language, translator

__all__ = ["SentenceError"]


class SentenceError(Exception):
    """Something that cannot be used or done; its sentence names it and says what to do.

    `say` is called where it is printed, with the reader's language; `str` is English, for logs and
    for who develops. Who has a catalogue of their own has a class of their own, so that a sentence
    is looked up where it was written.

    Args:
        text: a sentence marked with `N_`.
        fields: what stands in it.
    """

    domain: ClassVar[str] = "bedside"
    catalogues: ClassVar[Path] = CATALOGUES

    def __init__(self, text: str, /, **fields: object) -> None:
        super().__init__(text)
        self.text = text
        self.fields = fields

    def say(self, language: Language) -> str:
        """Return the sentence in the language of whoever reads it."""
        sentence = translator(language, self.domain, self.catalogues)(self.text)
        return sentence.format(**self.fields)

    def __str__(self) -> str:
        return self.say(Language.ENGLISH)
