"""The device's journal as a chain: each entry carries the hash of the line before it.

Rules held here:

1. An entry's hash is SHA-256 over its canonical line, without the newline.
2. `seq` counts from 0; `prev` of entry 0 is the hash of `GENESIS`.
3. A head (size, hash) names every entry before it: one head vouches for one history.
4. Time that goes backwards is counted and told, never refused: a wrong clock loses no entry.
5. Verification reads the chain of any version: it judges place and hash, not vocabulary.

Only the standard library is imported: the idle agent loads this module.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from bedside.audit.entry import ENTRY_KEYS, Act, EntryError, read_object

__all__ = [
    "GENESIS",
    "ChainHead",
    "Fault",
    "FaultKind",
    "Verdict",
    "extend",
    "line_hash",
    "verify",
]


@dataclass(frozen=True, slots=True)
class ChainHead:
    """How many entries the journal has, and the hash (hex) of the last line."""

    size: int
    hash: str


GENESIS = ChainHead(0, sha256(b"bedside journal 1").hexdigest())
"""The head of a journal without entries."""


class FaultKind(StrEnum):
    """Why a journal is not what was written."""

    CHANGED = "changed"
    SEQUENCE = "sequence"
    MALFORMED = "malformed"
    TORN_TAIL = "torn_tail"
    SHORTENED = "shortened"


@dataclass(frozen=True, slots=True)
class Fault:
    """The first bad entry: its place in the chain (from 0) and what is wrong with it."""

    sequence: int
    kind: FaultKind
    words: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification found: the last good head, and the first fault if there is one."""

    head: ChainHead
    fault: Fault | None = None
    backward_steps: int = 0

    @property
    def good(self) -> bool:
        """Whether every line stands as it was written."""
        return self.fault is None


def line_hash(line: bytes) -> str:
    """Return the hash (hex) by which the next entry names `line`."""
    return sha256(line).hexdigest()


def extend(head: ChainHead, act: Act) -> tuple[bytes, ChainHead]:
    """Return the line (no newline) that puts `act` after `head`, and the new head."""
    line = act.at(head.size, head.hash).to_line()
    return line, ChainHead(head.size + 1, line_hash(line))


def verify(
    lines: Iterable[bytes], *, start: ChainHead = GENESIS, expect: ChainHead | None = None
) -> Verdict:
    """Judge a chain of lines; a file's lines may keep their newline.

    Args:
        lines: the journal from entry `start.size` on. A last line that is not whole is named as
            a torn tail.
        start: the head before the first line; `GENESIS` for a whole journal.
        expect: a head that the journal must pass through, from a witness; None to skip.

    Returns:
        The verdict; on a fault its head is the last one that is vouched for.
    """
    walk = _Walk(start, iter(lines))
    fault = walk.run(expect)
    return Verdict(walk.head, fault, walk.backward_steps)


class _Walk:
    """The state of one verification."""

    def __init__(self, start: ChainHead, lines: Iterator[bytes]) -> None:
        self.head = start
        self.backward_steps = 0
        self._start = start
        self._lines = lines
        self._newlines = False
        self._time = ""

    def run(self, expect: ChainHead | None) -> Fault | None:
        """Walk to the end or to the first fault, and leave `head` at the last vouched entry."""
        before = self.head
        for raw in self._lines:
            line = raw.removesuffix(b"\n")
            try:
                prev, time = self._read(raw, line)
            except _FaultFound as found:
                return found.fault
            if prev != self.head.hash:
                return self._changed(line, before)
            self._newlines = line is not raw
            before = self.head
            self.head = ChainHead(before.size + 1, sha256(line).hexdigest())
            self.backward_steps += time < self._time
            self._time = time
            if expect and expect.size == self.head.size and expect.hash != self.head.hash:
                self.head = before
                words = "the witnessed head is another one"
                return Fault(before.size, FaultKind.CHANGED, words)
        if expect and self.head.size < expect.size:
            words = f"a witness saw {expect.size} entries"
            return Fault(self.head.size, FaultKind.SHORTENED, words)
        return None

    def _read(self, raw: bytes, line: bytes) -> tuple[str, str]:
        place = self.head.size
        try:
            obj = read_object(line)
            seq, prev, time = obj["seq"], obj["prev"], obj["time"]
            if obj.keys() != ENTRY_KEYS or not isinstance(time, str):
                raise EntryError("fields are not those of an entry")
        except KeyError as error:
            raise _FaultFound(place, FaultKind.MALFORMED, f"field {error} is missing") from error
        except EntryError as error:
            kind = FaultKind.TORN_TAIL if self._is_torn(raw) else FaultKind.MALFORMED
            raise _FaultFound(place, kind, str(error)) from error
        if seq != place or isinstance(seq, bool):
            raise _FaultFound(place, FaultKind.SEQUENCE, f"entry {seq} stands in its place")
        return prev, time

    def _is_torn(self, raw: bytes) -> bool:
        # In a file every whole line ends in a newline; lines from a message have none at all.
        last = next(self._lines, None) is None
        in_file = self._newlines or self.head == self._start
        return last and in_file and not raw.endswith(b"\n")

    def _changed(self, line: bytes, before: ChainHead) -> Fault:
        # The link between two entries is broken: the entry after them shows which one moved.
        place = self.head.size
        following = next(self._lines, None)
        vouched = following is not None and _prev_of(following) == line_hash(line)
        if place > self._start.size and (vouched or following is None):
            self.head = before
            words = "the entries after it vouch for other bytes"
            return Fault(before.size, FaultKind.CHANGED, words)
        return Fault(place, FaultKind.CHANGED, "it does not follow the entry before it")


class _FaultFound(Exception):  # noqa: N818 - control flow inside this module, not an error
    def __init__(self, sequence: int, kind: FaultKind, words: str) -> None:
        super().__init__(words)
        self.fault = Fault(sequence, kind, words)


def _prev_of(raw: bytes) -> object:
    try:
        return read_object(raw.removesuffix(b"\n")).get("prev")
    except EntryError:
        return None
