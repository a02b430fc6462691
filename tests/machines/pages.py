"""The commands of a page of the documentation, as a reader would copy them."""

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

__all__ = ["Block", "steps"]

_HOWTO = Path(__file__).parents[2] / "docs" / "howto"
_STEP = re.compile(r"^(\d+)\. ", re.MULTILINE)
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block of a page: its language (empty: for the shell), and its lines."""

    language: str
    text: str


def steps(page: str, section: str = "") -> dict[int, list[Block]]:
    """Return the blocks of each numbered step of a how-to, or of one of its sections.

    Args:
        page: its name, such as `install-agent`.
        section: the heading of the section; the part before the first one unless given.
    """
    parts = re.split(r"^## (.+)\n", (_HOWTO / f"{page}.md").read_text("utf-8"), flags=re.MULTILINE)
    text = dict(zip(parts[1::2], parts[2::2], strict=True))[section] if section else parts[0]
    pieces = _STEP.split(text)
    return {
        int(number): [Block(kind, dedent(lines)) for kind, lines in _BLOCK.findall(piece)]
        for number, piece in zip(pieces[1::2], pieces[2::2], strict=True)
    }
