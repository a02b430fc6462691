"""The agent's whole life with real relays: enrol, poll, order, consent, tunnel, serve, end."""

import asyncio

import pytest

from bedside.vocabulary import Activity
from tests.agent.world import world

pytestmark = [
    pytest.mark.asyncio,
    # Python 3.11: a StreamWriter over TLS that was aborted calls itself unclosed when collected.
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]


async def test_a_session_from_order_to_stop(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order = await play.ask()
        await play.wait_until(lambda: operator.status.request)
        assert operator.status.request.person.name == "Marie Tremblay"
        await play.wait_for_entry("session:consent:asked", session=order.session)
        await asyncio.to_thread(operator.accept, "J. Roy")
        await play.wait_for_entry("session:consent:given", session=order.session)
        code = await play.wait_until(lambda: operator.status.presence_code)
        specialist = play.specialist(order, operator.status.connection.relay, code=code)
        status, out, errors = await specialist.run("ssh", "device", "echo hello")
        assert (status, out) == (0, "hello\n"), errors
        assert operator.status.activity is Activity.CONTROLLING
        await play.wait_for_entry("session:life:live", session=order.session)
        await asyncio.to_thread(operator.stop)
        entry = await play.wait_for_entry("session:life:ended", session=order.session)
        assert entry["detail"]["ending"] == "by_operator"
        await play.wait_until(lambda: operator.status.verification)
        operator.leave()
        assert play.stop_agent() == 0
