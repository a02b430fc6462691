"""SFTP on a channel: the wire (`sftp_wire`) over the vault, every file journalled with its digest."""

import asyncio
import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Callable, Mapping

import asyncssh

from bedside.agent.ssh import sftp_wire as wire
from bedside.agent.ssh import words
from bedside.agent.ssh.context import SessionContext
from bedside.agent.ssh.grant import SessionGrant
from bedside.agent.ssh.sftp_wire import Status
from bedside.agent.ssh.vault import (
    FileRefusal,
    FileRefusedError,
    InboxFile,
    ItemFile,
    Vault,
    parse_place,
)
from bedside.audit.entry import DetailValue, short
from bedside.vocabulary import JournalAction, Outcome

__all__ = ["SftpService"]

_WRITE, _APPEND = 0x2, 0x4
_OPEN_FILES = 64
_PER_LISTING = 100
_STATUS = {
    errno.ENOENT: Status.NO_SUCH_FILE,
    errno.ENOTDIR: Status.NO_SUCH_FILE,
    errno.EACCES: Status.PERMISSION_DENIED,
    errno.EPERM: Status.PERMISSION_DENIED,
    errno.ELOOP: Status.PERMISSION_DENIED,
}


class SftpService:
    """Serves one sftp channel.

    Requests are answered in their order. A close waits until the disk and the journal are certain,
    and holds the requests behind it; all else is done at once, in small pieces.
    """

    def __init__(
        self,
        context: SessionContext,
        chan: asyncssh.SSHServerChannel[bytes],
        grant: SessionGrant,
    ) -> None:
        self._context = context
        self._chan = chan
        self._conn = chan.get_connection()
        self._vault = Vault(grant)
        self._reader = wire.RequestReader()
        self._files: dict[bytes, ItemFile | InboxFile] = {}
        self._folders: dict[bytes, list[tuple[str, wire.Attributes]]] = {}
        self._numbers = itertools.count(1)
        self._begun = self._busy = self._paused = self._eof = self._over = False
        self._said: set[FileRefusal] = set()
        self._sent = self._received = 0
        self._answers: Mapping[type, Callable[..., None]] = {
            wire.Init: self._init,
            wire.Open: self._open,
            wire.Read: self._read,
            wire.Write: self._write,
            wire.Stat: self._stat,
            wire.FStat: self._fstat,
            wire.SetStat: lambda request: self._status(request.id, Status.OK),
            wire.OpenFolder: self._open_folder,
            wire.ReadFolder: self._read_folder,
            wire.RealPath: self._real_path,
            wire.Limits: lambda request: self._send(wire.limits_reply(request.id)),
            wire.Change: lambda request: self._refuse(request.id, FileRefusal.ACT, request.path),
            wire.Unsupported: lambda request: self._status(request.id, Status.UNSUPPORTED),
            wire.Close: self._close,
        }

    # -- the channel -------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        self._received += len(data)
        self._reader.receive(data)
        self._work()

    def eof_received(self) -> None:
        """The client is done: once everything is answered, exit 0 (scp asks for the status)."""
        self._eof = True
        self._work()

    def pause_writing(self) -> None:
        """Answer no more for now."""
        self._paused = True

    def resume_writing(self) -> None:
        """Answer again."""
        self._paused = False
        self._work()

    def connection_lost(self) -> None:
        """Discard what is not whole, and journal what left."""
        self._over = True
        for file in self._files.values():
            self._abandon(file)
        self._files.clear()

    def closing_detail(self) -> dict[str, DetailValue]:
        """Return what the journal says of a channel that is over."""
        return {"bytes_sent": self._sent, "bytes_received": self._received}

    def _work(self) -> None:
        """Answer what can be answered; let the client feel it when that is not all."""
        while not (self._busy or self._paused or self._over):
            try:
                request = self._reader.next()
                if request is None:
                    break
                self._answer(request)
            except wire.SftpError:
                self._finish(1)
                return
        if self._over:
            return
        if self._busy or self._paused:
            self._chan.pause_reading()
        elif self._eof:
            self._finish(0)
        else:
            self._chan.resume_reading()

    def _finish(self, status: int) -> None:
        self.connection_lost()
        if not self._chan.is_closing():
            self._chan.exit(status)

    def _answer(self, request: wire.Request) -> None:
        if isinstance(request, wire.Init) is self._begun:
            raise wire.SftpError("init comes first, and once")
        self._begun = True
        number = 0 if isinstance(request, wire.Init) else request.id
        try:
            self._answers[type(request)](request)
        except FileRefusedError as error:
            self._refuse(number, error.refusal, getattr(request, "path", ""))
        except OSError as error:
            self._status(
                number, _STATUS.get(error.errno or 0, Status.FAILURE), error.strerror or ""
            )
        except KeyError:
            self._status(number, Status.FAILURE, "no such handle")

    def _send(self, data: bytes) -> None:
        if not self._chan.is_closing():
            self._sent += len(data)
            self._context.count_sent(len(data))
            self._chan.write(data)

    def _status(self, number: int, status: Status, text: str = "") -> None:
        self._send(wire.status_reply(number, status, text))

    # -- requests ----------------------------------------------------------------------------------

    def _init(self, request: wire.Init) -> None:
        del request
        self._send(wire.version_reply())

    def _open(self, request: wire.Open) -> None:
        if len(self._files) >= _OPEN_FILES:
            self._status(request.id, Status.FAILURE, "too many open files")
            return
        place = parse_place(request.path)
        file: ItemFile | InboxFile
        if request.flags & (_WRITE | _APPEND):
            file = self._vault.open_to_write(place)
        else:
            file = self._vault.open_to_read(place)
        self._context.hooks.doing(place.path, may_change=isinstance(file, InboxFile))
        handle = self._handle()
        self._files[handle] = file
        self._send(wire.handle_reply(request.id, handle))

    def _read(self, request: wire.Read) -> None:
        file = self._files[request.handle]
        if isinstance(file, InboxFile):
            self._status(request.id, Status.PERMISSION_DENIED)
            return
        data = file.read(request.offset, min(request.length, wire.MAX_DATA))
        if data:
            self._send(wire.data_header(request.id, len(data)))
            self._send(data)
        else:
            self._status(request.id, Status.EOF)

    def _write(self, request: wire.Write) -> None:
        file = self._files[request.handle]
        if isinstance(file, ItemFile):
            self._status(request.id, Status.PERMISSION_DENIED)
            return
        file.write(request.offset, request.data)
        self._status(request.id, Status.OK)

    def _stat(self, request: wire.Stat) -> None:
        found = self._vault.stat(parse_place(request.path))
        self._send(wire.attributes_reply(request.id, _attributes(found)))

    def _fstat(self, request: wire.FStat) -> None:
        file = self._files[request.handle]
        mode = stat.S_IFREG | (0o400 if isinstance(file, ItemFile) else 0o200)
        modified = int(os.fstat(file.fd).st_mtime)
        self._send(wire.attributes_reply(request.id, wire.Attributes(file.size, mode, modified)))

    def _open_folder(self, request: wire.OpenFolder) -> None:
        if len(self._folders) >= _OPEN_FILES:
            self._status(request.id, Status.FAILURE, "too many open folders")
            return
        place = parse_place(request.path)
        entries = []
        for name in self._vault.names(place):
            with contextlib.suppress(OSError):  # a data item that does not exist now is not listed
                found = self._vault.stat(parse_place(f"{place.path}/{name}"))
                entries.append((name, _attributes(found)))
        handle = self._handle()
        self._folders[handle] = entries
        self._send(wire.handle_reply(request.id, handle))

    def _read_folder(self, request: wire.ReadFolder) -> None:
        entries = self._folders[request.handle]
        if not entries:
            self._status(request.id, Status.EOF)
            return
        self._send(wire.names_reply(request.id, entries[:_PER_LISTING]))
        del entries[:_PER_LISTING]

    def _real_path(self, request: wire.RealPath) -> None:
        place = parse_place(request.path)
        self._send(wire.names_reply(request.id, [(place.path, wire.Attributes(0, 0, 0))]))

    def _close(self, request: wire.Close) -> None:
        if self._folders.pop(request.handle, None) is not None:
            self._status(request.id, Status.OK)
            return
        file = self._files.pop(request.handle)
        self._busy = True
        self._conn.create_task(self._close_file(request.id, file))

    async def _close_file(self, number: int, file: ItemFile | InboxFile) -> None:
        """Answer once the file is on disk under its name, and in the journal."""
        try:
            if isinstance(file, ItemFile):
                file.close()
                await self._record_sent(file)
            elif not file.whole:
                file.discard()
                self._status(number, Status.FAILURE)
                return
            else:
                await asyncio.to_thread(file.keep)
                await self._record(
                    JournalAction.SESSION_FILE_RECEIVED, file.name, file.size, file.sha256
                )
            self._status(number, Status.OK)
        except OSError as error:
            self._status(number, Status.FAILURE, error.strerror or "")
        finally:
            self._busy = False
            self._work()

    # -- what the journal says -----------------------------------------------------------------------

    async def _record_sent(self, file: ItemFile) -> None:
        if file.sent:
            await self._record(JournalAction.SESSION_FILE_SENT, file.name, file.sent, file.sha256)

    async def _record(
        self, action: JournalAction, name: str, size: int, sha256: str | None
    ) -> None:
        detail: dict[str, DetailValue] = {"file": short(name), "bytes": size}
        if sha256:
            detail["sha256"] = sha256
        await self._context.hooks.record(action, outcome=Outcome.SUCCESS, detail=detail)

    def _abandon(self, file: ItemFile | InboxFile) -> None:
        if isinstance(file, ItemFile):
            file.close()
            self._conn.create_task(self._record_sent(file))
        else:
            file.discard()
            self._conn.create_task(
                self._context.hooks.record(
                    JournalAction.SESSION_FILE_REFUSED,
                    outcome=Outcome.FAILURE,
                    detail={"file": short(file.name), "bytes": file.size, "reason": "cut off"},
                )
            )

    def _refuse(self, number: int, refusal: FileRefusal, path: str) -> None:
        """Say it once on the channel's stderr: clients show only "Permission denied"."""
        sentence = words.file_sentence(refusal, self._context.grant)
        is_new = refusal not in self._said
        self._said.add(refusal)
        # A program that looks everywhere for its files must not fill the journal.
        if is_new or refusal is not FileRefusal.NOWHERE:
            self._record_refusal(refusal, path)
        if is_new and not self._chan.is_closing():
            self._chan.write_stderr(f"{sentence}\r\n".encode())
        self._status(number, Status.PERMISSION_DENIED, sentence)

    def _record_refusal(self, refusal: FileRefusal, path: str) -> None:
        self._conn.create_task(
            self._context.hooks.record(
                JournalAction.SESSION_FILE_REFUSED,
                outcome=Outcome.REFUSED,
                gate=refusal.gate,
                detail={"reason": str(refusal), "path": short(path)},
            )
        )

    def _handle(self) -> bytes:
        return next(self._numbers).to_bytes(4, "big")


def _attributes(found: os.stat_result) -> wire.Attributes:
    return wire.Attributes(found.st_size, found.st_mode, int(found.st_mtime))
