"""An answer on the panel that comes too late names what was first."""

import asyncio
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bedside.agent.journal import JournalError
from bedside.agent.session import Over, ServiceSession
from bedside.agent.site.plan import HOUSE_DEFAULT
from bedside.pki.signing import KeySigner
from bedside.vocabulary import Ending, Gate, JournalAction
from tests.protocol import samples

PERSON = SimpleNamespace(id="01JD", name="Marie Tremblay")


def asked(now_ms):
    order = SimpleNamespace(
        person=PERSON, answer_by_ms=1000, duration_s=60, joins=None, of_site=False
    )
    return ServiceSession(order, "digest", SimpleNamespace(now_ms=lambda: now_ms))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("over", "gate"),
    [
        (Over(ending=Ending.REVOKED, gate=Gate.DEVICE_LOCKED), Gate.DEVICE_LOCKED),
        (Over(ending=Ending.BY_SPECIALIST), Gate.DEVICE_STATE),
    ],
)
async def test_accept_after_the_end_names_the_end(over, gate):
    session = asked(0)
    session.finish(over)

    assert session.accept("J. Roy", answered_ms=0) is gate


@pytest.mark.asyncio
async def test_accept_after_the_time_is_silence():
    assert asked(1000).accept("J. Roy", answered_ms=1000) is Gate.CONSENT_SILENCE


class AtThePanel(ServiceSession):
    """A session that is asked about and no more; `now_ms` is what the clock shows."""

    def __init__(self):
        self.now_ms = samples.ORDER.answer_by_ms - 200
        self.written = []
        parts = SimpleNamespace(
            now_ms=lambda: self.now_ms,
            site=lambda: HOUSE_DEFAULT,
            signer=KeySigner(ec.generate_private_key(ec.SECP256R1())),
        )
        super().__init__(samples.ORDER, "a" * 64, parts)

    def _prepare(self):
        return []

    def _show(self, activity):
        pass

    def _write(self, action, **_):
        self.written.append(action)


@pytest.mark.asyncio
async def test_an_answer_in_time_is_no_silence_while_the_device_asks_itself_whether_it_may():
    session = AtThePanel()
    asking = asyncio.get_running_loop().create_task(session._ask())
    with session.weighing() as answered_ms:
        session.now_ms += 10_000
        await asyncio.sleep(0.5)
        assert session.accept("J. Roy", answered_ms=answered_ms) is None
    # Whoever presses twice changes nothing any more.
    assert session.too_late(answered_ms) is Gate.CONSENT_SILENCE
    await asking
    assert session.written == [
        JournalAction.SESSION_CONSENT_ASKED,
        JournalAction.SESSION_CONSENT_GIVEN,
    ]
    assert not session.over.done()


@pytest.mark.asyncio
async def test_without_an_answer_the_time_ends_it():
    session = AtThePanel()
    await session._ask()
    assert session.over.result() == Over(ending=Ending.UNANSWERED, gate=Gate.CONSENT_SILENCE)


@pytest.mark.asyncio
async def test_a_refusal_that_cannot_be_written_down_ends_the_session_all_the_same(monkeypatch):
    session = asked(0)

    def full(*_, **__):
        raise JournalError("the disk is full")

    monkeypatch.setattr(session, "_write", full)
    session.refuse()

    assert session.over.result() == Over(ending=Ending.REFUSED, gate=Gate.CONSENT)
