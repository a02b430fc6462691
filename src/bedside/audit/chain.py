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

from bedside.audit.entry import Act, EntryError
from bedside.audit.form import follows, read_place

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
    """The state of one verification, kept in plain values: a million entries pass through here."""

    def __init__(self, start: ChainHead, lines: Iterator[bytes]) -> None:
        self.size, self.hash = start.size, start.hash.encode()
        self.backward_steps = 0
        self._start = start.size
        self._lines = lines
        self._newlines = False

    @property
    def head(self) -> ChainHead:
        return ChainHead(self.size, self.hash.decode())

    def run(self, expect: ChainHead | None) -> Fault | None:
        """Walk to the end or to the first fault, and leave `head` at the last vouched entry."""
        before, last_time = self.hash, b""
        stop, stop_hash = (expect.size, expect.hash.encode()) if expect else (-1, b"")
        for raw in self._lines:
            line = raw.removesuffix(b"\n")
            if not follows(line, b',"prev":"%b","seq":%d' % (self.hash, self.size)):
                return self._why(raw, line, before)
            self._newlines = line is not raw
            before, self.hash = self.hash, sha256(line).hexdigest().encode()
            self.size += 1
            time = line[-26:-2]
            if time < last_time:
                self.backward_steps += 1
            last_time = time
            if self.size == stop and self.hash != stop_hash:
                self.size, self.hash = self.size - 1, before
                return Fault(self.size, FaultKind.CHANGED, "the witnessed head is another one")
        if self.size < stop:
            return Fault(self.size, FaultKind.SHORTENED, f"a witness saw {stop} entries")
        return None

    def _why(self, raw: bytes, line: bytes, before: bytes) -> Fault:
        try:
            seq, _, _ = read_place(line)
        except EntryError as error:
            kind = FaultKind.TORN_TAIL if self._is_torn(raw) else FaultKind.MALFORMED
            return Fault(self.size, kind, str(error))
        if seq != self.size:
            words = f"entry {seq} stands in its place"
            return Fault(self.size, FaultKind.SEQUENCE, words)
        return self._changed(line, before)

    def _is_torn(self, raw: bytes) -> bool:
        # In a file every whole line ends in a newline; lines from a message have none at all.
        last = next(self._lines, None) is None
        in_file = self._newlines or self.size == self._start
        return last and in_file and not raw.endswith(b"\n")

    def _changed(self, line: bytes, before: bytes) -> Fault:
        # The link between two entries is broken: the entry after them shows which one moved.
        following = next(self._lines, None)
        vouched = following is not None and _prev_of(following) == line_hash(line).encode()
        if self.size > self._start and (vouched or following is None):
            self.size, self.hash = self.size - 1, before
            words = "the entries after it vouch for other bytes"
            return Fault(self.size, FaultKind.CHANGED, words)
        return Fault(self.size, FaultKind.CHANGED, "it does not follow the entry before it")


def _prev_of(raw: bytes) -> bytes | None:
    try:
        return read_place(raw.removesuffix(b"\n"))[1]
    except EntryError:
        return None
