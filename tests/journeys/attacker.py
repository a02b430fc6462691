"""The hostile relay in the place of a world's relay, and its own hands: keys, `ssh`, documents."""

import asyncio
import io
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from bedside.protocol.feed import Event, FeedReply
from bedside.relay.config import read_config
from bedside.relay.log import Log
from bedside.testing.hostile_relay import HostileRelay, Tricks

__all__ = ["Attacker", "make_ssh_certificate"]

HOLD_MS = 2_000
"""A short hold: many answers in little time, but no device that seems absent meanwhile."""


class Attacker:
    """A hostile relay that runs with a real relay's certificate, in a thread.

    Args:
        config: the configuration of the relay whose place it takes.
    """

    def __init__(self, config: Path) -> None:
        self.tricks = Tricks()
        real = read_config(config)
        self._config = replace(real, limits=replace(real.limits, hold_ms=HOLD_MS))
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.relay: HostileRelay

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(30)

    async def _run(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self.relay = HostileRelay(self._config, Log("a", io.StringIO()), self.tricks)
        self.relay.open()
        self._ready.set()
        await self.relay.serve(self._stopping)

    @property
    def polls(self) -> int:
        """How often devices have asked it."""
        return sum(b"POST /v1/poll" in asked for asked in self.relay.seen.requests)

    @property
    def legs(self) -> int:
        """How many legs have asked it for a partner."""
        return sum(b"GET /v1/tunnel" in asked for asked in self.relay.seen.requests)

    def pretend(self, *events: Event) -> None:
        """Believe these events, as if the console had said them."""
        reply = FeedReply(cursor="0", snapshot=False, events=events)
        self._loop.call_soon_threadsafe(self.relay.apply, reply)

    @contextmanager
    def plays(self, **tricks: object) -> Iterator[None]:
        """Play these tricks while the block lasts, then be honest again."""
        for name, value in tricks.items():
            setattr(self.tricks, name, value)
        try:
            yield
        finally:
            for name, value in vars_of(Tricks()).items():
                setattr(self.tricks, name, value)


def vars_of(tricks: Tricks) -> dict[str, object]:
    """Return the fields of a value with slots."""
    return {name: getattr(tricks, name) for name in Tricks.__slots__}


def make_ssh_certificate(folder: Path, principal: str) -> Path:
    """Make a key with a certificate for `principal` by a CA of our own; returns the key's file."""
    for name in ("ca", "key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(folder / name)], check=True
        )
    sign = ["ssh-keygen", "-q", "-s", str(folder / "ca"), "-I", "mallory", "-n", principal]
    subprocess.run([*sign, str(folder / "key.pub")], check=True)
    return folder / "key"
