"""Whom to call stands on the device: signed, and there when nothing else answers (S55)."""

import pytest

from bedside.protocol.support import SupportContact
from tests.agent.world import world

pytestmark = pytest.mark.asyncio

CONTACT = SupportContact(
    country="CA",
    name="Centre de soutien, Montréal",
    telephone="+1 514 555 0199",
    email="soutien@bayard.example",
    hours="mon-fri 08:00-20:00",
)
WORDS = (
    "Support: Centre de soutien, Montréal · +1 514 555 0199 · soutien@bayard.example · "
    "Monday to Friday, 08:00 to 20:00"
)


async def test_the_device_says_whom_to_call_with_every_relay_away(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        await play.configure(contacts=(CONTACT,))
        await play.wait_until(lambda: operator.status.contacts == (CONTACT,))
        operator.leave()
        play.stop_agent()
        for name in list(play.relays):
            await play.stop_relay(name)
        play.start_agent()
        operator = await play.operator()
        assert operator.status.contacts == (CONTACT,)
        status, out = await play.command("status")
        assert (status, WORDS in out.splitlines()) == (0, True), out
        operator.leave()


async def test_a_contact_that_was_taken_back_is_said_no_more(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        await play.configure(contacts=(CONTACT,))
        await play.wait_until(lambda: operator.status.contacts)
        await play.configure()
        await play.wait_until(lambda: not operator.status.contacts)
        assert "Support:" not in (await play.command("status"))[1]
        operator.leave()
