"""Sentences of the site's commands."""

from bedside.language import Language, translator

__all__ = ["say"]


def say(language: Language, text: str, **fields: object) -> str:
    """Return a marked sentence in `language`, its fields filled in."""
    return translator(language, "bedside-site")(text).format(**fields)
