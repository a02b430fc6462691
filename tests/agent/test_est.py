"""Asking relays for a certificate: at their pace, from the first to the one that can say."""

import asyncio
from binascii import b2a_base64

import pytest

from bedside.agent import est
from bedside.agent.est import EnrolmentError, ask_relays, est_answer, targets_of
from bedside.agent.link import Target
from bedside.protocol.http import RequestReader, Response
from bedside.protocol.poll import Refusal
from bedside.vocabulary import Gate
from tests.agent.tls_peer import SERVER_NAME, TlsPeer

pytestmark = pytest.mark.asyncio

CERTIFICATE = b2a_base64(b"a certificate", newline=False)


class FakeRelay(TlsPeer):
    """Answers each EST request with the next of its statuses."""

    def __init__(self, folder, *statuses):
        self.statuses = list(statuses)
        self.asked = []
        super().__init__(folder, self._serve_one)

    def _serve_one(self, line):
        reader = RequestReader()
        while (request := reader.next()) is None:
            reader.receive(line.recv(65536))
        self.asked.append(request.target)
        status = self.statuses.pop(0)
        body = CERTIFICATE if status == 200 else Refusal(Gate.LIMIT, 1000).to_json()
        line.sendall(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body)
        line.recv(1)


@pytest.fixture
def relays(tmp_path):
    """Make relays of one authority, each with its statuses; return them and one context."""
    made = []

    def make(*lists):
        made.extend(FakeRelay(tmp_path / str(n), *each) for n, each in enumerate(lists))
        return made

    yield make
    for relay in made:
        relay.close()


def ask(*asked):
    targets = [Target(host="127.0.0.1", port=one.port, server_name=SERVER_NAME) for one in asked]
    return ask_relays(targets, asked[-1].client, "/.well-known/est/simplereenroll", b"request")


async def test_a_relay_that_says_not_so_fast_is_asked_again(relays):
    (relay,) = relays([429, 429, 200])
    answer = await ask(relay)
    assert est_answer(answer) == b"a certificate"
    assert len(relay.asked) == 3


async def test_what_the_console_refuses_is_an_answer(relays):
    (relay,) = relays([403])
    answer = await ask(relay)
    with pytest.raises(EnrolmentError, match="403") as caught:
        est_answer(answer)
    assert caught.value.gate is Gate.LIMIT


async def test_a_relay_that_cannot_say_gives_way_to_the_next(relays):
    # The first is of another authority than the context: it cannot even be asked.
    first, second = relays([], [503])
    with pytest.raises(EnrolmentError, match=f"{second.port}: 503"):
        await ask(first, second)
    assert first.asked == []
    second.statuses = [503, 200]
    answer = await ask(first, second, second)
    assert answer.status == 200


async def test_a_relay_that_never_has_time_gives_way_too(relays, monkeypatch):
    monkeypatch.setattr(est, "_PACE_S", 0.001)
    (relay,) = relays([429] * 5)
    with pytest.raises(EnrolmentError, match="429"):
        await ask(relay)
    assert len(relay.asked) == 5


async def test_an_answer_that_is_no_certificate_is_refused():
    await asyncio.sleep(0)
    with pytest.raises(EnrolmentError, match="not a certificate"):
        est_answer(Response(200, {}, b"***"))
    assert targets_of((), None) == []
