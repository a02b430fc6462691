"""The device's support credential: the shared second step, checked here and nowhere else (S16).

The site may set one of its own beside it, for its people who watch (R18): the same file and rules.

Only a hash is stored (argon2id). An answer is counted as wrong on disk *before* anybody learns what
it was, so that pulling the plug gives nobody another try; after LOCK_AFTER in a row the credential
is locked for a time that doubles, and no session opens meanwhile.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bedside.agent.files import read_json, write_json

__all__ = ["LOCK_AFTER", "SupportCredential"]

LOCK_AFTER = 6
_LOCK_MS = 15 * 60_000
_LOCK_LIMIT_MS = 24 * 3_600_000
_MIN_CHARACTERS = 10
# Of OWASP's equally strong minima for argon2id the one with the least memory: it stays in the
# processor's cache. The secret is long, tries are few, and a session waits for the answer.
_HASHER = PasswordHasher(time_cost=5, memory_cost=7 * 1024, parallelism=1)


class SupportCredential:
    """The credential in the file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._one_at_a_time = asyncio.Lock()
        self._hashing = ThreadPoolExecutor(1, "hashing")

    def set(self, secret: str) -> None:
        """Store the hash of `secret`; raise ValueError when it is shorter than ten characters."""
        if len(secret) < _MIN_CHARACTERS:
            raise ValueError(f"at least {_MIN_CHARACTERS} characters")
        self._write(_Stored(_HASHER.hash(secret)))

    @property
    def is_set(self) -> bool:
        """Whether there is a credential, locked or not."""
        return bool(self._read().hash)

    def is_ready(self, now_ms: int) -> bool:
        """Whether there is a credential and it is not locked at `now_ms`."""
        stored = self._read()
        return bool(stored.hash) and now_ms >= stored.locked_until_ms

    async def warm(self) -> None:
        """Make the next `check` quicker; no answer is checked, so none is counted.

        The C library keeps a block of this size from the second time on, and with it ten
        milliseconds of page faults.
        """
        loop, stored = asyncio.get_running_loop(), self._read()
        for _ in range(2 if stored.hash else 0):
            await loop.run_in_executor(self._hashing, _matches, stored.hash, "")

    async def check(self, secret: str, now_ms: int) -> bool:
        """Return whether `secret` is the credential; False as well while it is locked.

        Raises OSError when the try cannot be counted: then nobody learns anything. The try of a
        caller that is cancelled is counted all the same.
        """
        checking = asyncio.get_running_loop().create_task(self._check(secret, now_ms))
        return await asyncio.shield(checking)

    async def _check(self, secret: str, now_ms: int) -> bool:
        loop = asyncio.get_running_loop()
        await self._one_at_a_time.acquire()
        clearing: asyncio.Future[None] | None = None
        try:
            stored = self._read()
            if not stored.hash or now_ms < stored.locked_until_ms:
                return False
            # Both at once, and both done before either is told.
            _, right = await asyncio.gather(
                loop.run_in_executor(None, self._write, _counted(stored, now_ms)),
                loop.run_in_executor(self._hashing, _matches, stored.hash, secret),
            )
            if right:
                # Nobody waits for this: a crash before it leaves one try too many counted.
                clearing = loop.run_in_executor(None, self._write, _Stored(stored.hash))
            return right
        finally:
            if clearing is None:
                self._one_at_a_time.release()
            else:
                clearing.add_done_callback(self._cleared)

    def _cleared(self, clearing: "asyncio.Future[None]") -> None:
        clearing.exception()
        self._one_at_a_time.release()

    def _read(self) -> "_Stored":
        stored = read_json(self._path) or {}
        return _Stored(
            hash=str(stored.get("hash", "")),
            wrong=int(stored.get("wrong", 0)),
            locked_until_ms=int(stored.get("locked_until_ms", 0)),
        )

    def _write(self, stored: "_Stored") -> None:
        write_json(self._path, asdict(stored))


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the file holds."""

    hash: str
    wrong: int = 0
    locked_until_ms: int = 0


def _counted(stored: _Stored, now_ms: int) -> _Stored:
    """Return `stored` with one wrong answer more, and the lock that this brings."""
    wrong = stored.wrong + 1
    beyond = wrong - LOCK_AFTER
    if beyond < 0:
        return _Stored(stored.hash, wrong)
    lock_ms = min(_LOCK_MS * 2 ** min(beyond, 16), _LOCK_LIMIT_MS)
    return _Stored(stored.hash, wrong, now_ms + lock_ms)


def _matches(hashed: str, secret: str) -> bool:
    try:
        return _HASHER.verify(hashed, secret)
    except (VerificationError, InvalidHashError):
        return False
