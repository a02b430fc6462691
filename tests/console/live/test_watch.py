"""Whom the watch rings, and how often: no database, no process."""

import asyncio
import socket

import pytest

from bedside.console.live.database import Database
from bedside.console.live.watch import Bell, Watch, _Heads
from bedside.vocabulary import JournalAction


@pytest.fixture
def watch():
    one, other = socket.socketpair()
    database = Database(1)
    yield Watch(database, one)
    database.close()
    one.close()
    other.close()


def news(bell: Bell) -> set[str]:
    return asyncio.run(bell.wait(0))


def test_a_few_devices_are_rung_each(watch):
    with watch.listen(Watch.ANY_DEVICE) as fleet, watch.listen("device:CI-1") as device:
        watch.devices_changed({"CI-1", "CI-2"})
        assert news(fleet) == {"device:CI-1", "device:CI-2"}
        assert news(device) == {"device:CI-1"}


def test_many_devices_are_one_ring_and_who_waits_for_one_of_them_hears_it(watch):
    with (
        watch.listen(Watch.ANY_DEVICE) as fleet,
        watch.listen("device:CI-1") as device,
        watch.listen("device:WS-1") as other,
    ):
        watch.devices_changed({f"CI-{number}" for number in range(10_000)})
        assert news(fleet) == {Watch.MANY_DEVICES}
        assert news(device) == {"device:CI-1"}
        assert news(other) == set()


@pytest.mark.parametrize(
    "action", [JournalAction.RELAY_CONTACT_LOST, JournalAction.RELAY_PRESENCE_CHANGED]
)
def test_what_concerns_devices_without_naming_them_rings_for_the_fleet(watch, action):
    with watch.listen(Watch.ANY_DEVICE) as fleet:
        watch._tell(_Heads(0, [(1, action.value, "", "")]))
        assert news(fleet) == {Watch.MANY_DEVICES}
