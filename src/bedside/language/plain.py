"""A sentence in letters that every program shows as they are."""

import unicodedata

__all__ = ["in_ascii"]


def in_ascii(text: str) -> str:
    """Return `text` without accents: OpenSSH logs what a server says, an accent as an octal number."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "'"))
    return plain.encode("ascii", "ignore").decode("ascii")
