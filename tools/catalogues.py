"""The catalogues: `update` adds new sentences, `check` refuses a gap, `compile` writes `.mo`.

Which catalogue holds a sentence:
- a console app's sentences are in `console/APP/locale/fr/LC_MESSAGES/django.po`;
- those of panel, specialist, agent and site in `locale/fr/LC_MESSAGES/bedside-{panel,cli,agent,site}.po`;
- all others in `locale/fr/LC_MESSAGES/bedside.po`.
English is the language of the sources and needs no catalogue; one that exists is compiled.
"""

import io
import re
import sys
from collections import defaultdict
from pathlib import Path

from babel.messages import Catalog
from babel.messages import Message as Entry
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tools.messages import ComposedSentenceError, Message, messages_of

PACKAGE = Path(__file__).parent.parent / "src" / "bedside"
DOMAIN_OF_PROGRAM = {
    "agent": "bedside-agent",
    "panel": "bedside-panel",
    "site": "bedside-site",
    "specialist": "bedside-cli",
}
SOURCES = ("*.py", "templates/**/*.html", "templates/**/*.txt")
# French is written in one way on every page: ’ and no space before ; ? ! as in Québec, and what is
# quoted stays on one line with its « ».
TYPED = re.compile(r"(?<=[^\W\d_])'(?=[^\W\d_]|[%{«])|\s[;?!](?=\s|$)|«[^\u00a0]|[^\u00a0]»|«$|^»")
# What somebody types, a command or an option, is one in every language.
LITERAL = re.compile(r"`[^`]+`")
PLACEHOLDER = re.compile(r"%\([a-z_0-9]+\)[sdif]|%[sdif]|\{[a-z_0-9.]*\}")


def catalogue_of(source: Path, package: Path = PACKAGE) -> Path:
    """Return the French catalogue that holds the sentences of one source file."""
    room, *rest = source.relative_to(package).parts
    if room == "console":
        app = package / "console" / rest[0] if len(rest) > 1 else package / "console" / "project"
        return app / "locale/fr/LC_MESSAGES/django.po"
    domain = DOMAIN_OF_PROGRAM.get(room, "bedside")
    return package / "locale/fr/LC_MESSAGES" / f"{domain}.po"


def extract(package: Path = PACKAGE) -> dict[Path, set[Message]]:
    """Return the sentences of the sources by the catalogue that must translate them."""
    wanted: dict[Path, set[Message]] = defaultdict(set)
    for pattern in SOURCES:
        for source in sorted(package.rglob(pattern)):
            for message in messages_of(source):
                wanted[catalogue_of(source, package)].add(message)
    for catalogue in package.rglob("locale/fr/LC_MESSAGES/*.po"):
        wanted[catalogue] |= set()
    return dict(wanted)


def read(path: Path) -> Catalog:
    """Read a catalogue; one that does not exist yet is empty."""
    if not path.exists():
        return _empty_catalogue()
    with path.open("rb") as readable:
        return read_po(readable, locale="fr", abort_invalid=True)


def _empty_catalogue() -> Catalog:
    return Catalog(locale="fr", project="Bedside", charset="utf-8", fuzzy=False, header_comment="")


def update(path: Path, wanted: set[Message]) -> None:
    """Add what is wanted and new without a translation, and drop what nobody says any more."""
    old = read(path)
    new = _empty_catalogue()
    new.creation_date = old.creation_date  # a date of its own would make every update a change
    new.revision_date = old.revision_date
    for message in sorted(wanted, key=lambda message: (message.singular, message.context or "")):
        known = old.get(message.id, message.context) or old.get(message.singular, message.context)
        text = known.string if known and known.id == message.id else None
        flags = {"fuzzy"} & set(known.flags) if known else set()
        new.add(message.id, text, context=message.context, flags=flags)
    written = io.BytesIO()
    write_po(written, new, width=100, omit_header=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != written.getvalue():
        path.write_bytes(written.getvalue())


def faults(path: Path, wanted: set[Message]) -> list[str]:
    """Return what is wrong with a catalogue: missing, empty, fuzzy, stale, lost placeholders or commands, bad typography."""
    catalogue = read(path)
    found = []
    for message in wanted:
        entry = catalogue.get(message.singular, message.context)
        fault = _fault_of(entry, message)
        if fault:
            found.append(f"{path}: {fault}: {message.singular!r}")
    said = {(message.singular, message.context) for message in wanted}
    for entry in catalogue:
        singular = entry.id[0] if isinstance(entry.id, (tuple, list)) else entry.id
        if singular and (singular, entry.context) not in said:
            found.append(f"{path}: nobody says it any more: {singular!r}")
    return sorted(found)


def _fault_of(entry: Entry | None, message: Message) -> str | None:
    if entry is None:
        return "missing"
    forms = entry.string if isinstance(entry.string, (tuple, list)) else [entry.string]
    texts = [str(text or "") for text in forms]
    if entry.fuzzy or not all(texts):
        return "not translated"
    if any(TYPED.search(text) for text in texts):
        return "typed as on a typewriter (write ’, no space before ; ? !, U+00A0 within « »)"
    if any(set(LITERAL.findall(text)) != set(LITERAL.findall(message.singular)) for text in texts):
        return "what is typed differs"
    expected = set(PLACEHOLDER.findall(message.plural or message.singular))
    # A plural form may leave the number out ("one device"), never add or rename a value.
    lost = set(PLACEHOLDER.findall(texts[-1])) != expected
    invented = any(set(PLACEHOLDER.findall(text)) - expected for text in texts)
    return "placeholders differ" if lost or invented else None


def compile_all(package: Path = PACKAGE) -> None:
    """Write the `.mo` beside every `.po`, whole or not at all."""
    for source in sorted(package.rglob("locale/*/LC_MESSAGES/*.po")):
        unfinished = source.with_suffix(".mo.new")
        with source.open("rb") as readable, unfinished.open("wb") as writable:
            write_mo(writable, read_po(readable, abort_invalid=True))
        unfinished.replace(source.with_suffix(".mo"))


def main(verb: str) -> int:
    """Carry out one of `update`, `check`, `compile`; return the exit code."""
    if verb == "compile":
        compile_all()
        return 0
    try:
        wanted = extract()
    except ComposedSentenceError as error:
        print(error)
        return 1
    if verb == "update":
        for path, messages in wanted.items():
            update(path, messages)
    found = [fault for path, messages in wanted.items() for fault in faults(path, messages)]
    found = [fault.removeprefix(f"{PACKAGE.parent.parent}/") for fault in found]
    print("\n".join(found) or f"{len(wanted)} catalogues, all complete")
    return 1 if found and verb == "check" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
