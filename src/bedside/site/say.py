"""Sentences of the site's commands."""

from pathlib import Path

from bedside.language import Language, translator

__all__ = ["say", "shown_name"]


def say(language: Language, text: str, **fields: object) -> str:
    """Return a marked sentence in `language`, its fields filled in."""
    shown = {
        name: shown_name(value) if isinstance(value, Path) else value
        for name, value in fields.items()
    }
    return translator(language, "bedside-site")(text).format(**shown)


def shown_name(path: Path | str | bytes | None) -> str:
    """Return a file's name as every terminal can show it: a name on Linux may be no text."""
    return str(path).encode("utf-8", "backslashreplace").decode()
