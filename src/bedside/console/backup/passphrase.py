"""A passphrase that a file holds: the option of both commands, and how the file is read."""

from argparse import _MutuallyExclusiveGroup
from pathlib import Path

from django.utils.translation import gettext as _

__all__ = ["in_file", "offer_file"]


def offer_file(how: _MutuallyExclusiveGroup) -> None:
    """Offer a file instead of the question."""
    how.add_argument(
        "--passphrase-file",
        type=Path,
        metavar=_("FILE"),
        help=_("a file with the passphrase in its first line; asked for otherwise"),
    )


def in_file(file: Path) -> str:
    """Return the passphrase in a file; raises OSError."""
    return file.read_text("utf-8").split("\n")[0]
