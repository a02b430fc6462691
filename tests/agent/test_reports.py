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
from bedside.audit.chain import GENESIS, ChainHead
from bedside.audit.entry import Actor, ActorKind, Deed, Thing
from bedside.pki.signing import KeySigner
from bedside.protocol.shapes import Relay
from bedside.vocabulary import DeviceId, JournalAction, RelayName

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
        async with asyncio.timeout(60):
            await play.once.wait()


async def test_what_gathers_leaves_with_what_leaves_at_once(tmp_path):
    async with running(tmp_path) as play:
        play.reporter.tell_soon()
        play.reporter.tell()
        await turns()
        assert play.tried == 1


def deed(number: int) -> Deed:
    return Deed(
        actor=Actor(ActorKind.DEVICE, "CI-20417", "CI-20417"),
        action=JournalAction.DEVICE_SERVICE_VERIFIED,
        object=Thing("device", "CI-20417"),
        detail={"count": number},
    )


@pytest.fixture
def acknowledged(tmp_path):
    """A journal of five entries that the console has acknowledged; returns their heads too."""
    with Journal(tmp_path) as journal:
        heads = [journal.append(deed(number)) for number in range(4)]
        journal.acknowledge(heads[-1])
        yield journal, heads


def firsts(play: Play) -> int:
    report = play.reporter._next_report()
    return -1 if report is None else report.first


async def test_a_console_that_holds_less_than_it_did_gets_the_rest_again(acknowledged):
    journal, heads = acknowledged
    play = Play(journal)
    assert firsts(play) == -1
    play.reporter.heard(heads[1])
    assert firsts(play) == heads[1].size
    play.reporter._sent = journal.head().size
    # It goes on to grow: nothing is sent twice. It stands still: something was lost on the way.
    play.reporter.heard(heads[2])
    assert firsts(play) == -1
    play.reporter.heard(heads[2])
    assert firsts(play) == heads[2].size
    assert journal.acknowledged() == heads[-1]


async def test_a_console_that_holds_nothing_gets_all(acknowledged):
    journal, _ = acknowledged
    play = Play(journal)
    play.reporter.heard(GENESIS)
    assert firsts(play) == 0


async def test_a_head_of_another_journal_moves_nothing(acknowledged):
    journal, heads = acknowledged
    play = Play(journal)
    play.reporter.heard(ChainHead(heads[1].size, "0" * 64))
    play.reporter.heard(heads[-1])
    assert firsts(play) == -1
