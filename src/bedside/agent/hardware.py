"""What makes this machine itself: a copied disk in another machine does not match (S60)."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

__all__ = ["hardware_fingerprint"]

_MAX_BYTES = 64 * 1024


def hardware_fingerprint(files: Iterable[Path]) -> str | None:
    """Return a hash (hex) over the content of `files`, or None when one cannot be read.

    The files are the site's choice: machine-id, a board's serial number, a network card's address.
    """
    digest = sha256(b"bedside hardware 1")
    for path in files:
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_BYTES).strip()
        except OSError:
            return None
        digest.update(len(content).to_bytes(4, "big") + content)
    return digest.hexdigest()
