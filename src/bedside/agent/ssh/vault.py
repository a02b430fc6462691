"""The files that a session may see: `/items/NAME` to read, `/inbox/NAME` to write in control.

1. There are these two folders and nothing else; `..` cannot leave the root.
2. A data item is the file that the profile names, which has no other name: no link in its place is
   followed, and none on the way to it but the device's own (`walk`). The worker opens it, so that a
   session's commands need not be able to.
3. A file for the inbox is written under a temporary name, and gets its own only when it is whole
   and on disk. It never follows a link: names are opened in the inbox folder's own descriptor. It is
   the worker's, and its group's to read: what the journal says of it stays true.
4. The profile's size limits hold for both.
5. Reading is files out, writing is files in: each only where the order covers it (R2).
"""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bedside.agent.ssh.grant import SessionGrant
from bedside.agent.ssh.walk import open_parent
from bedside.vocabulary import Gate, Mode, SiteAction

__all__ = [
    "FileRefusal",
    "FileRefusedError",
    "InboxFile",
    "ItemFile",
    "Place",
    "Vault",
    "parse_place",
]

_NAME = re.compile(r"[^\x00-\x1f\x7f/\\]{1,128}\Z")
_READ_AGAIN = 1024 * 1024


class FileRefusal(StrEnum):
    """Why a file is refused."""

    ACT = "act"
    FILES_IN = "files_in"
    FILES_OUT = "files_out"
    INBOX_IN_VIEW = "inbox_in_view"
    INBOX_NAME = "inbox_name"
    INBOX_SIZE = "inbox_size"
    ITEM = "item"
    ITEM_SIZE = "item_size"
    NOWHERE = "nowhere"
    NO_INBOX = "no_inbox"
    READ_ONLY = "read_only"

    @property
    def gate(self) -> Gate:
        """The gate that the journal names."""
        return _GATES.get(self, Gate.INBOX)


_GATES = {
    FileRefusal.FILES_IN: Gate.SITE_POLICY,
    FileRefusal.FILES_OUT: Gate.SITE_POLICY,
    FileRefusal.INBOX_IN_VIEW: Gate.VIEW_ONLY,
    FileRefusal.ITEM: Gate.DATA_ITEM,
    FileRefusal.ITEM_SIZE: Gate.DATA_ITEM,
    FileRefusal.NOWHERE: Gate.DATA_ITEM,
    FileRefusal.READ_ONLY: Gate.DATA_ITEM,
}


class FileRefusedError(Exception):
    """A gate refuses this file."""

    def __init__(self, refusal: FileRefusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


@dataclass(frozen=True)
class Place:
    """A path of the virtual tree: `folder` is "", "items" or "inbox"; anything else is nowhere."""

    folder: str
    name: str = ""

    @property
    def path(self) -> str:
        """The absolute path, as the client sees it."""
        return "/" + "/".join(part for part in (self.folder, self.name) if part)


def parse_place(path: str) -> Place:
    """Return where `path` leads, from the root; never above it (clause 1)."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    folder, *rest = parts or [""]
    return Place(folder, "/".join(rest))


class ItemFile:
    """A data item that is open to read; `sha256` is of what was read, when read in order."""

    def __init__(self, name: str, fd: int, limit: int) -> None:
        self.name = name
        self.fd = fd
        self.size = min(os.fstat(fd).st_size, limit)
        self.sent = 0
        self._digest = hashlib.sha256()
        self._hashed = 0

    def read(self, offset: int, length: int) -> bytes:
        """Return what is there, empty at the end (clause 4: never past the item's limit)."""
        data = os.pread(self.fd, max(0, min(length, self.size - offset)), offset)
        self.sent += len(data)
        if offset == self._hashed:
            self._digest.update(data)
            self._hashed += len(data)
        return data

    @property
    def sha256(self) -> str | None:
        """The digest of the whole item, or None when it was not read whole and in order."""
        return self._digest.hexdigest() if self._hashed == self.sent == self.size else None

    def close(self) -> None:
        """Let the file go."""
        os.close(self.fd)


class InboxFile:
    """A file on its way into the inbox, under a temporary name (clause 3)."""

    def __init__(self, folder_fd: int, name: str, limit: int) -> None:
        self.name = name
        self.size = 0
        self._folder = os.dup(folder_fd)
        self._limit = limit
        self._temporary = f".{secrets.token_hex(8)}.part"
        self._digest = hashlib.sha256()
        self._hashed = 0
        self.sha256 = ""
        self.whole = True
        """Whether every write succeeded; only then may the file be kept."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self.fd = os.open(self._temporary, flags, 0o600, dir_fd=self._folder)
        except OSError:
            os.close(self._folder)
            raise

    def write(self, offset: int, data: memoryview) -> None:
        """Write `data`; raises FileRefusedError past the limit (clause 4), OSError as the disk says."""
        end = offset + len(data)
        whole, self.whole = self.whole, False  # a write that fails leaves a hole
        if end > self._limit:
            raise FileRefusedError(FileRefusal.INBOX_SIZE)
        done = 0
        while done < len(data):
            done += os.pwrite(self.fd, data[done:], offset + done)
        self.whole = whole
        if offset == self._hashed:
            self._digest.update(data)
            self._hashed = end
        self.size = max(self.size, end)

    def keep(self) -> None:
        """Put the file on disk, then give it its name. Blocks: call it off the loop."""
        try:
            if self._hashed != self.size:
                self._hash_again()
            self.sha256 = self._digest.hexdigest()
            os.fchmod(self.fd, 0o640)
            os.fsync(self.fd)
            os.rename(self._temporary, self.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
        except OSError:
            self.discard()
            raise
        self._let_go()

    def discard(self) -> None:
        """Forget a file that never became whole."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._temporary, dir_fd=self._folder)
        self._let_go()

    def _hash_again(self) -> None:
        """It was not written in order: read it from its start."""
        self._digest = hashlib.sha256()
        offset = 0
        while data := os.pread(self.fd, _READ_AGAIN, offset):
            self._digest.update(data)
            offset += len(data)

    def _let_go(self) -> None:
        os.close(self.fd)
        os.close(self._folder)


class Vault:
    """What this session's grant shows of the device's files."""

    def __init__(self, grant: SessionGrant) -> None:
        self._items = {item.name: item for item in grant.profile.data_items}
        self._inbox = grant.profile.inbox
        self._may_write = grant.mode is Mode.CONTROL
        self._actions = grant.actions

    def names(self, place: Place) -> list[str]:
        """Return the names in a folder; raises as `stat` does where there is none."""
        _check_folder(place)
        if place == Place(""):
            return ["items"] + (["inbox"] if self._inbox else [])
        if place == Place("items"):
            return sorted(self._items)
        if place == Place("inbox") and self._inbox:
            with _folder(self._inbox.path) as folder:
                return sorted(filter(self._is_ours, os.listdir(folder)))  # noqa: PTH208 - a descriptor
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def stat(self, place: Place) -> os.stat_result:
        """Return what is there, with the mode a client may use.

        Raises OSError, and FileRefusedError outside the two folders (clause 1).
        """
        _check_folder(place)
        if place in {Place(""), Place("items")} or (place == Place("inbox") and self._inbox):
            writable = place.folder == "inbox" and self._may_write
            return _stat_result(stat.S_IFDIR | (0o700 if writable else 0o500), 0, 0)
        if place.folder == "items" and (item := self._items.get(place.name)):
            found = _look_at(item.path)
            if _is_sole(found):
                return _stat_result(stat.S_IFREG | 0o400, found.st_size, found.st_mtime)
        if place.folder == "inbox" and self._inbox and self._is_ours(place.name):
            found = _look_at(f"{self._inbox.path}/{place.name}")
            if stat.S_ISREG(found.st_mode):
                return _stat_result(stat.S_IFREG | 0o200, found.st_size, found.st_mtime)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def open_to_read(self, place: Place) -> ItemFile:
        """Open a data item (clause 2); raises FileRefusedError for anything else, or OSError."""
        if SiteAction.FILES_OUT not in self._actions:  # clause 5
            raise FileRefusedError(FileRefusal.FILES_OUT)
        item = self._items.get(place.name) if place.folder == "items" else None
        if item is None:
            raise FileRefusedError(FileRefusal.ITEM)
        fd = _open(item.path, os.O_RDONLY | os.O_NONBLOCK)
        found = os.fstat(fd)
        sole = _is_sole(found)
        if not sole or found.st_size > item.max_bytes:
            os.close(fd)
            raise FileRefusedError(FileRefusal.ITEM_SIZE if sole else FileRefusal.ITEM)
        return ItemFile(item.name, fd, item.max_bytes)

    def open_to_write(self, place: Place) -> InboxFile:
        """Begin a file for the inbox; raises FileRefusedError or OSError."""
        if SiteAction.FILES_IN not in self._actions:  # clause 5
            raise FileRefusedError(FileRefusal.FILES_IN)
        if place.folder != "inbox":
            raise FileRefusedError(FileRefusal.READ_ONLY)
        if self._inbox is None:
            raise FileRefusedError(FileRefusal.NO_INBOX)
        if not self._may_write:
            raise FileRefusedError(FileRefusal.INBOX_IN_VIEW)
        if not self._is_ours(place.name):
            raise FileRefusedError(FileRefusal.INBOX_NAME)
        with _folder(self._inbox.path) as folder:
            return InboxFile(folder, place.name, self._inbox.max_bytes)

    @staticmethod
    def _is_ours(name: str) -> bool:
        return bool(_NAME.match(name)) and not name.startswith(".") and len(name.encode()) <= 200


def _check_folder(place: Place) -> None:
    if place.folder not in {"", "items", "inbox"}:
        raise FileRefusedError(FileRefusal.NOWHERE)


@contextlib.contextmanager
def _folder(path: str) -> Iterator[int]:
    descriptor = _open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: str, flags: int) -> int:
    parent, name = open_parent(path)
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    finally:
        os.close(parent)


def _look_at(path: str) -> os.stat_result:
    parent, name = open_parent(path)
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    finally:
        os.close(parent)


def _is_sole(found: os.stat_result) -> bool:
    """Whether it is a plain file, with no second name that somebody gave it here."""
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def _stat_result(mode: int, size: int, modified: float) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, 0, 0, size, modified, modified, modified))
