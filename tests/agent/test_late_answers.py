"""An answer on the panel that comes too late names what was first."""

from types import SimpleNamespace

import pytest

from bedside.agent.journal import JournalError
from bedside.agent.session import Over, ServiceSession
from bedside.vocabulary import Ending, Gate

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

    assert session.accept("J. Roy") is gate


@pytest.mark.asyncio
async def test_accept_after_the_time_is_silence():
    assert asked(1000).accept("J. Roy") is Gate.CONSENT_SILENCE


@pytest.mark.asyncio
async def test_a_refusal_that_cannot_be_written_down_ends_the_session_all_the_same(monkeypatch):
    session = asked(0)

    def full(*_, **__):
        raise JournalError("the disk is full")

    monkeypatch.setattr(session, "_write", full)
    session.refuse()

    assert session.over.result() == Over(ending=Ending.REFUSED, gate=Gate.CONSENT)
