"""A file of a relay's spool: whatever it holds is read as far as it can be, and writes back the same."""

from bedside.relay.spool_record import MAGIC, had_record, record, scan
from tests.relay.test_spool_record import ENTRIES

SEEDS = (
    MAGIC + b"".join(map(record, ENTRIES)) + had_record(3),
    MAGIC + record(ENTRIES[0]) + bytes(64),
    MAGIC,
)


def parse(data: bytes) -> None:
    """Read the bytes as a file; what was found is found again when it is written."""
    found = scan(data)
    assert found.end <= max(len(data), len(MAGIC))
    again = scan(MAGIC + b"".join(map(record, found.entries)) + had_record(found.had))
    assert (again.entries, again.had) == (found.entries, found.had)
    assert not again.torn
    assert not again.damaged
