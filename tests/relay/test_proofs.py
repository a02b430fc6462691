"""Proofs that are signed ahead: each shown once, young, and by whoever signs now."""

import asyncio

import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey

from bedside.relay import proofs
from bedside.relay.proofs import Assertions, ProofAhead
from bedside.testing.certificates import PocketAuthority
from bedside.vocabulary import RelayName
from tests.relay.world import until

pytestmark = pytest.mark.asyncio


class Wall:
    """A wall clock that stands until it is moved."""

    def __init__(self, monkeypatch):
        self.now_s = 1_800_000_000
        monkeypatch.setattr(proofs, "wall_ms", lambda: self.now_s * 1000)


class Play:
    """A relay's key, who signs with it now, and how often they did."""

    def __init__(self, folder):
        file = PocketAuthority(folder).relay("a", "relay-a.example").key
        self._public = ECKey.import_key(file.read_bytes())
        self._file = file
        self.signed = 0
        self.reload()
        self.ahead = ProofAhead(lambda: self.signer, asyncio.get_running_loop())

    def reload(self, **changes):
        play = self

        class Counted(Assertions):
            def header(self):
                play.signed += 1
                return super().header()

        self.signer = Counted(RelayName("a"), self._file, **changes)

    def take(self):
        word, _, token = self.ahead.take()["authorization"].partition(" ")
        assert word == "Bearer"
        return jwt.decode(token, self._public, algorithms=["ES256"]).claims

    async def until_signed(self, count):
        await until(lambda: self.signed >= count)


@pytest.fixture
def wall(monkeypatch):
    return Wall(monkeypatch)


@pytest_asyncio.fixture
async def play(tmp_path):
    made = Play(tmp_path)
    yield made
    made.ahead.close()


async def test_no_proof_is_shown_twice_and_none_is_awaited(wall, play, monkeypatch):
    monkeypatch.setattr(proofs, "_RENEW_S", 1_000)
    shown = [play.take()["jti"] for _ in range(3)]
    await play.until_signed(4)
    shown += [play.take()["jti"] for _ in range(2)]
    assert len(set(shown)) == 5
    assert play.signed == 5  # the fourth was signed before it was asked for


async def test_it_is_of_the_moment_in_which_it_is_shown(wall, play, monkeypatch):
    monkeypatch.setattr(proofs, "_RENEW_S", 1_000)
    play.take()
    await play.until_signed(2)
    wall.now_s += 2
    assert play.take()["iat"] == wall.now_s - 2
    await play.until_signed(3)
    wall.now_s += 3
    assert play.take()["iat"] == wall.now_s
    await play.until_signed(5)
    wall.now_s -= 600  # the clock was put right
    assert play.take()["iat"] == wall.now_s


async def test_it_stays_young_while_nobody_asks(wall, play, monkeypatch):
    monkeypatch.setattr(proofs, "_RENEW_S", 0.01)
    play.take()
    await play.until_signed(2)
    wall.now_s += 60
    await play.until_signed(play.signed + 2)
    signed = play.signed
    assert play.take()["iat"] == wall.now_s
    assert play.signed == signed


async def test_who_signed_before_a_reload_is_not_shown_after_it(wall, play, monkeypatch):
    monkeypatch.setattr(proofs, "_RENEW_S", 1_000)
    play.take()
    await play.until_signed(2)
    play.reload(certificate_ends_ms=1_900_000_000_000)
    assert play.take()["crt"] == 1_900_000_000


async def test_nothing_is_signed_once_it_is_closed(wall, play, monkeypatch):
    monkeypatch.setattr(proofs, "_RENEW_S", 0.001)
    play.take()
    play.ahead.close()
    await asyncio.sleep(0.05)
    assert play.signed == 1
