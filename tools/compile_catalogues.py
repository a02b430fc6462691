"""Compile every catalogue (`locale/*/LC_MESSAGES/*.po`) under src into the `.mo` beside it."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

SOURCES = Path(__file__).parent.parent / "src"


def compile_catalogue(source: Path) -> None:
    """Write the compiled form of one `.po` file beside it, whole or not at all."""
    with source.open("rb") as readable:
        catalogue = read_po(readable, abort_invalid=True)
    unfinished = source.with_suffix(".mo.new")
    with unfinished.open("wb") as writable:
        write_mo(writable, catalogue)
    unfinished.replace(source.with_suffix(".mo"))


def main() -> None:
    for source in sorted(SOURCES.rglob("locale/*/LC_MESSAGES/*.po")):
        compile_catalogue(source)


if __name__ == "__main__":
    main()
