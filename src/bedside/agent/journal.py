"""The device's journal on disk: chained lines, on stable storage before an act is acknowledged.

Rules held here:

1. `append` returns after the line is written and synced; before that nobody may act on it.
2. Supervisor and worker both write: each append holds the folder's lock, reads what the other
   wrote, and continues that chain. Who cannot have the lock in time is told so (`journal_lock`).
3. A torn tail (power cut, kill) loses no acknowledged entry: a whole line is completed, the rest is
   moved to a `torn-…` file beside the journal, and an entry says so. Nothing is destroyed.
4. A journal that cannot be continued (broken chain, entries missing that the console acknowledged,
   no space) raises JournalError; the caller opens no session then (fail closed).
5. A reserve file keeps room for the entries that end a session on a full disk (`closing=True`).

Opening verifies the last 4 MiB (some ten thousand entries); `verify` reads everything. Only the standard
library is imported: the idle supervisor loads this module.
"""

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Self

from bedside.agent.clock import Stamp, read_stamp
from bedside.agent.journal_lock import PATIENCE_MS, JournalError, JournalHeldError, JournalLock
from bedside.agent.line_file import Disk, LineFile
from bedside.audit.chain import GENESIS, ChainHead, FaultKind, Verdict, extend, line_hash, verify
from bedside.audit.entry import SYSTEM, Deed, EntryError, Thing
from bedside.audit.form import read_place
from bedside.language import N_
from bedside.vocabulary import JournalAction

__all__ = ["FAULT_SENTENCES", "Journal", "JournalError", "JournalHeldError"]

VERIFY_AT_OPEN = 4 * 1024 * 1024
RESERVE_BYTES = 256 * 1024
FAULT_SENTENCES = {
    FaultKind.CHANGED: N_("entry {number} is not what was written"),
    FaultKind.SEQUENCE: N_("entry {number} is missing: another one stands in its place"),
    FaultKind.MALFORMED: N_("entry {number} is damaged"),
    FaultKind.TORN_TAIL: N_("entry {number} was not written to its end"),
    FaultKind.SHORTENED: N_("the journal ends before entry {number}, and had more"),
}
"""What a person at the device reads of a bad entry."""


class Journal:
    """The journal in `folder`, made there if it does not exist.

    Args:
        folder: the device's own, mode 0700; holds `journal.jsonl`, `cursor`, `lock`, `reserve`.
        stamp: gives the moment and the clock's state; read under the lock, so that the order of
            the entries and their times agree.
        disk: the file system; another one in tests only.
        verify_at_open: how many bytes at the end are verified now; `verify` reads all.
        patience_ms: how long each method waits for the lock; see `lock`.

    Raises:
        JournalError: when the journal that is there cannot be continued.
        JournalHeldError: when another program has it; so do all methods that take the lock.
    """

    def __init__(
        self,
        folder: Path,
        *,
        stamp: Callable[[], Stamp] = read_stamp,
        disk: Disk | None = None,
        verify_at_open: int = VERIFY_AT_OPEN,
        patience_ms: int = PATIENCE_MS,
    ) -> None:
        self._folder = folder
        self._stamp = stamp
        self._disk = disk or Disk()
        self._verify_at_open = verify_at_open
        self._end = 0
        self._head = GENESIS
        self._failed = False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.lock = JournalLock(folder / "lock", patience_ms=patience_ms)
            self._file = os.open(
                self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            self._lines = LineFile(self._file)
            try:
                with self._held():
                    self._open()
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise _refused(N_("the journal cannot be opened ({reason})"), error) from error

    @property
    def path(self) -> Path:
        """The file of lines."""
        return self._folder / "journal.jsonl"

    def close(self) -> None:
        """Release the files; the journal is as it was."""
        os.close(self._file)
        self.lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, *deeds: Deed, closing: bool = False) -> ChainHead:
        """Write the deeds, in order, and return the head once they are on stable storage.

        Args:
            deeds: what was done; all of them stand, or none.
            closing: they end something that is open: written from the reserve if need be.

        Raises:
            JournalError: nothing was acknowledged.
            EntryError: a deed is too large for a line.
        """
        try:
            with self._held():
                self._catch_up()
                if not closing:
                    self._check_space()
                return self._write(deeds, closing=closing)
        except OSError as error:
            raise _refused(N_("the journal cannot be written ({reason})"), error) from error

    def head(self) -> ChainHead:
        """Return the head, with what the other process wrote."""
        try:
            with self._held():
                self._catch_up()
                return self._head
        except OSError as error:
            raise _refused(N_("the journal cannot be read ({reason})"), error) from error

    def entries(self, first: int, limit: int, *, max_bytes: int = 128 * 1024) -> list[bytes]:
        """Return up to `limit` lines from entry `first` on, at most `max_bytes` but at least one."""
        if first >= self.head().size or limit <= 0:
            return []
        lines: list[bytes] = []
        for line in self._lines.between(self._place_of(first), self._end):
            max_bytes -= len(line)
            if len(lines) == limit or (lines and max_bytes < 0):
                break
            lines.append(line.removesuffix(b"\n"))
        return lines

    def verify(self) -> Verdict:
        """Verify every entry, and that the journal passes through what the console acknowledged."""
        self.head()
        return verify(self._lines.between(0, self._end), expect=self.acknowledged())

    def acknowledged(self) -> ChainHead:
        """Return the last head for which the console sent a receipt."""
        try:
            obj = json.loads((self._folder / "cursor").read_bytes())
            return ChainHead(int(obj["size"]), str(obj["head"]))
        except FileNotFoundError:
            return GENESIS
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(N_("the cursor is malformed")) from error

    def passes(self, head: ChainHead) -> bool:
        """Whether this journal has passed through `head`."""
        if head.size == 0:
            return head == GENESIS
        line = self.entries(head.size - 1, 1)
        return bool(line) and line_hash(line[0]) == head.hash

    def acknowledge(self, head: ChainHead) -> bool:
        """Move the cursor to a head from a receipt; say whether it moved.

        A head that is not after the cursor moves nothing; one that this journal never had, or that
        cannot be kept, raises JournalError.
        """
        if head.size <= self.acknowledged().size:
            return False
        if not self.passes(head):
            raise JournalError(N_("the receipt is for another journal"))
        text = json.dumps({"head": head.hash, "size": head.size}, sort_keys=True)
        try:
            with self._held():
                self._replace("cursor", text.encode())
        except OSError as error:
            raise _refused(N_("the receipt cannot be kept ({reason})"), error) from error
        return True

    def recover(self) -> None:
        """Read the journal again if it failed before: what stands in the file counts, nothing else.

        Raises JournalError when it cannot be continued.
        """
        if not self._failed:
            return
        try:
            with self.lock.held():
                self._end, self._head = 0, GENESIS
                self._open()
                self._failed = False
        except OSError as error:
            raise _refused(N_("the journal cannot be opened ({reason})"), error) from error

    # ---- under the lock ----

    @contextmanager
    def _held(self) -> Iterator[None]:
        with self.lock.held():
            if self._failed:
                raise JournalError(N_("the journal failed before and must be opened again"))
            yield

    def _open(self) -> None:
        size = os.fstat(self._file).st_size
        if size == 0 and not (self._folder / "cursor").exists():
            self._make_reserve()
            self._sync_folder()
            self._write((_opening(),), closing=True)
            return
        self._begin_at_tail(size)
        self._catch_up()
        self._check_cursor()
        with suppress(OSError):
            self._make_reserve()

    def _begin_at_tail(self, size: int) -> None:
        # Far from the beginning, the first whole line after this place is believed for its link.
        place = max(0, size - self._verify_at_open)
        if place == 0:
            return
        line, at = self._lines.after(place)
        try:
            seq, prev, _ = read_place(line)
        except EntryError as error:
            raise JournalError(N_("the journal is broken at byte {at}"), at=at) from error
        self._end, self._head = at, ChainHead(seq, (prev or b"").decode())

    def _check_cursor(self) -> None:
        seen = self.acknowledged()
        if seen == GENESIS:
            return
        missing = seen.size > self._head.size
        line = b"" if missing else self._one_line(seen.size - 1)
        if missing or line_hash(line) != seen.hash:
            text = N_("the console acknowledged {count} entries that are not here")
            raise JournalError(text, count=seen.size)

    def _catch_up(self) -> None:
        """Take in what stands after `_end`: the other process's entries, and a torn tail."""
        size = os.fstat(self._file).st_size
        if size == self._end:
            return
        if size < self._end:
            raise JournalError(N_("the journal was cut"))
        whole = self._lines.last_newline(self._end, size)
        if whole > self._end:
            verdict = verify(self._lines.between(self._end, whole), start=self._head)
            if verdict.fault:
                raise JournalError(
                    FAULT_SENTENCES[verdict.fault.kind], number=verdict.fault.sequence
                )
            self._end, self._head = whole, verdict.head
        if whole < size:
            self._repair(os.pread(self._file, size - whole, whole))

    def _repair(self, torn: bytes) -> None:
        verdict = verify([torn], start=self._head)
        if verdict.good:
            # The whole line is here and only its newline is missing.
            os.write(self._file, b"\n")
            self._sync()
            self._end, self._head = self._end + len(torn) + 1, verdict.head
            return
        name = self._keep_torn(torn)
        os.ftruncate(self._file, self._end)
        self._write((_repaired(name, torn),), closing=True)

    def _keep_torn(self, torn: bytes) -> str:
        number = 0
        while True:
            name = f"torn-{self._head.size}-{number}"
            try:
                file = os.open(
                    self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
                )
            except FileExistsError:
                number += 1
                continue
            try:
                self._disk.write(file, torn)
                self._disk.sync(file)
            finally:
                os.close(file)
            self._sync_folder()
            return name

    def _write(self, deeds: tuple[Deed, ...], *, closing: bool) -> ChainHead:
        stamp, head, data = self._stamp(), self._head, b""
        for deed in deeds:
            line, head = extend(head, deed.stamped(stamp.time, stamp.clock))
            data += line + b"\n"
        try:
            self._write_or_undo(data)
        except OSError as error:
            if not closing or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            os.truncate(self._folder / "reserve", 0)
            self._write_or_undo(data)
        self._sync()
        self._end, self._head = self._end + len(data), head
        return head

    def _write_or_undo(self, data: bytes) -> None:
        try:
            self._disk.write(self._file, data)
        except OSError:
            os.ftruncate(self._file, self._end)
            raise

    def _sync(self) -> None:
        try:
            self._disk.sync(self._file)
        except OSError:
            # After a failed sync nobody knows what is on the disk: only reading it again tells.
            self._failed = True
            raise

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._disk.sync(folder)
        finally:
            os.close(folder)

    def _check_space(self) -> None:
        if not self._has_reserve():
            self._make_reserve()
        if self._disk.free(self._folder) < RESERVE_BYTES:
            raise JournalError(N_("no space is left for the journal"))

    def _has_reserve(self) -> bool:
        try:
            return (self._folder / "reserve").stat().st_size == RESERVE_BYTES
        except FileNotFoundError:
            return False

    def _make_reserve(self) -> None:
        file = os.open(self._folder / "reserve", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._disk.reserve(file, RESERVE_BYTES)
        finally:
            os.close(file)

    def _replace(self, name: str, data: bytes) -> None:
        draft = self._folder / f"{name}.new"
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            self._disk.write(file, data)
            self._disk.sync(file)
        finally:
            os.close(file)
        draft.replace(self._folder / name)
        self._sync_folder()

    def _one_line(self, sequence: int) -> bytes:
        line = next(self._lines.between(self._place_of(sequence), self._end))
        return line.removesuffix(b"\n")

    def _place_of(self, sequence: int) -> int:
        try:
            place = self._lines.place_of(sequence, self._end)
        except EntryError as error:
            raise JournalError(N_("the journal is broken")) from error
        if place is None:
            raise JournalError(N_("entry {number} is not here"), number=sequence)
        return place


def _opening() -> Deed:
    return Deed(
        actor=SYSTEM,
        action=JournalAction.JOURNAL_LOG_OPENED,
        object=Thing("journal", "device"),
        detail={"log": os.urandom(16).hex()},
    )


def _repaired(name: str, torn: bytes) -> Deed:
    return Deed(
        actor=SYSTEM,
        action=JournalAction.JOURNAL_TAIL_REPAIRED,
        object=Thing("journal", "device"),
        detail={"file": name, "sha256": sha256(torn).hexdigest(), "torn_bytes": len(torn)},
    )


def _refused(text: str, error: OSError) -> JournalError:
    """The reason is the system's own name for it (`ENOSPC`), the same in every language."""
    return JournalError(text, reason=errno.errorcode.get(error.errno or 0, error.errno))
