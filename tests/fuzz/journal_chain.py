"""A journal file: whatever it holds gets a verdict, and what is good leads to its own head."""

from bedside.audit.chain import GENESIS, extend, verify
from bedside.audit.entry import Act, parse_entry
from tests.fuzz.journal_entries import SEEDS as _ENTRIES

_FIRST, _HEAD = extend(
    GENESIS,
    Act(**{name: getattr(parse_entry(_ENTRIES[0]), name) for name in Act.__dataclass_fields__}),
)
SEEDS = (_FIRST + b"\n", _FIRST + b"\n" + _FIRST + b"\n", b"\n")


def parse(data: bytes) -> None:
    """Judge the lines, with and without a witness."""
    lines = data.splitlines(keepends=True)
    verdict = verify(lines)
    if verdict.good:
        assert verdict.head.size == len(lines)
        assert verify(lines, expect=verdict.head).good
    assert verify(lines, expect=_HEAD).good <= verdict.good
