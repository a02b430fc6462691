"""When journal news leaves: at once, or gathered for a moment while a session opens."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bedside.agent.journal import Journal
from bedside.agent.reports import Reporter
from bedside.pki.signing import KeySigner
from bedside.protocol.shapes import Relay
from bedside.vocabulary import DeviceId, RelayName

NOWHERE = Relay(name=RelayName("a"), host="127.0.0.1", server_name="a.example", ports=())
pytestmark = pytest.mark.asyncio


class Play:
    """A reporter whose relay has no port; `tried` counts how often it wanted to send."""

    def __init__(self, journal: Journal) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.tried = 0
        self.once = asyncio.Event()
        self.reporter = Reporter(
            DeviceId("CI-20417"),
            journal,
            signer=KeySigner(key),
            report_key=key.public_key(),
            relays=self._relays,
            context=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            proxy=None,
            now_ms=lambda: 0,
        )

    def _relays(self) -> tuple[Relay, ...]:
        self.tried += 1
        self.once.set()
        return (NOWHERE,)


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Play]:
    with Journal(folder) as journal:
        play = Play(journal)
        task = asyncio.get_running_loop().create_task(play.reporter.run())
        yield play
        task.cancel()


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_ending_leaves_at_once(tmp_path):
    async with running(tmp_path) as play:
        play.reporter.tell()
        await turns()
        assert play.tried == 1


async def test_the_entries_of_a_session_that_opens_gather(tmp_path):
    async with running(tmp_path) as play:
        for _ in range(5):
            play.reporter.tell_soon()
        await turns()
        assert play.tried == 0
        assert not play.reporter.quiet.is_set()  # nobody may leave meanwhile
        async with asyncio.timeout(10):
            await play.once.wait()


async def test_what_gathers_leaves_with_what_leaves_at_once(tmp_path):
    async with running(tmp_path) as play:
        play.reporter.tell_soon()
        play.reporter.tell()
        await turns()
        assert play.tried == 1
