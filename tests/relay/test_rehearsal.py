"""A relay plays orders to itself: only to itself, only with a fleet, and again after it was broken off."""

import asyncio
import io
import json
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bedside.pki.contexts import console_client_context, console_server_context
from bedside.relay import rehearsal
from bedside.relay.clock import wall_ms
from bedside.relay.driver import Door, DoorLimits
from bedside.relay.log import Log
from bedside.relay.polls import PollLimits
from bedside.relay.rehearsal import FLEET, STAYS, Rehearsal, SelfContexts
from bedside.testing.certificates import PocketAuthority
from tests.relay.world import PATIENT, running, until

NAME = "relay-a.example"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What failed is tried again soon."""
    monkeypatch.setattr(rehearsal, "_LOOK_S", 0.02)


class Play:
    """A rehearsal whose fleet and whose files can be taken away."""

    def __init__(self, folder, every_ms=1):
        authority = PocketAuthority(folder)
        self.credentials = authority.relay("a", NAME)
        self.ca = authority.ca_file
        self.name = NAME
        self.held = FLEET
        self.asked = 0
        self.fault = None
        self.lines = io.StringIO()
        nobody = {"welcome": print, "gone": print, "refusal": print, "abuse": print}
        self.door = Door((), DoorLimits(), **nobody)
        self.door.start()
        self.rehearsal = Rehearsal(
            self.door,
            PollLimits(),
            contexts=self.contexts,
            every_ms=every_ms,
            held=lambda: self.held,
            log=Log("a", self.lines),
        )

    def contexts(self):
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        certificate, key = self.credentials.certificate, self.credentials.key
        server = console_server_context(certificate, key, server_name=NAME)
        client = console_client_context(self.ca.read_text("ascii"))
        return SelfContexts(server, client, self.name)

    @property
    def said(self):
        return [json.loads(line) for line in self.lines.getvalue().splitlines()]

    async def goes_on(self):
        before = self.rehearsal.played
        await until(lambda: self.rehearsal.played > before + 10)

    async def stands_still(self):
        await asyncio.sleep(0.05)
        before = self.rehearsal.played
        await asyncio.sleep(0.1)
        return self.rehearsal.played == before


@asynccontextmanager
async def playing(play):
    try:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(play.rehearsal.run())
            yield play
            assert not task.done()
            task.cancel()
    finally:
        play.door.close()


@pytest.mark.asyncio
async def test_orders_come_to_the_end_of_their_way_and_leave_nothing(tmp_path):
    async with playing(Play(tmp_path)) as play:
        await play.goes_on()
        assert not play.door.links
        assert not play.door.counts
        assert play.said == []


@pytest.mark.asyncio
async def test_nothing_is_played_without_a_fleet(tmp_path):
    play = Play(tmp_path)
    play.held = FLEET - 1
    async with playing(play):
        assert await play.stands_still()
        assert play.asked == 0
        play.held = FLEET
        await play.goes_on()
        play.held = STAYS - 1
        assert await play.stands_still()


@pytest.mark.asyncio
async def test_devices_that_are_between_two_polls_are_no_fleet_that_left(tmp_path):
    async with playing(Play(tmp_path)) as play:
        await play.goes_on()
        play.held = STAYS
        await play.goes_on()
        play.held = FLEET
        await play.goes_on()
        assert play.asked == 1


@pytest.mark.asyncio
async def test_nothing_is_played_while_others_have_most_of_the_core(tmp_path):
    async with playing(Play(tmp_path)) as play:
        await play.goes_on()

        async def serve():
            while True:
                end = time.monotonic() + 0.01
                while time.monotonic() < end:
                    pass
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as tasks:
            others = tasks.create_task(serve())
            assert await play.stands_still()
            others.cancel()
        await play.goes_on()
        assert play.asked == 1


@pytest.mark.asyncio
async def test_a_long_pause_is_no_busy_one(tmp_path):
    async with playing(Play(tmp_path, every_ms=50)) as play:
        await play.goes_on()


@pytest.mark.asyncio
async def test_a_way_that_was_broken_is_said_and_made_anew(tmp_path):
    async with playing(Play(tmp_path)) as play:
        await play.goes_on()
        for timed in play.door.timers.due(play.door.now_ms() + 10**13):
            timed.expired()
        await until(lambda: play.asked == 2)
        await play.goes_on()
        assert [line["event"] for line in play.said] == ["rehearsal_failed"]


@pytest.mark.asyncio
async def test_another_name_is_tried_again_and_stops_nobody(tmp_path):
    play = Play(tmp_path)
    play.name = "relay-b.example"
    async with playing(play):
        await until(lambda: play.asked == 5)
        assert not play.rehearsal.played
        assert [line["failures"] for line in play.said] == [1, 2, 4]
        assert play.said[0]["error"].startswith("SSLError: ")
        play.name = NAME
        await play.goes_on()


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [OSError("disk"), ValueError("file"), RuntimeError("ours")])
async def test_no_fault_of_it_stops_a_relay(tmp_path, fault):
    play = Play(tmp_path)
    play.fault = fault
    async with playing(play):
        await until(lambda: play.asked == 3)
        play.fault = None
        await play.goes_on()


@pytest.mark.asyncio
async def test_a_relay_plays_with_its_own_certificate_until_it_drains(tmp_path, monkeypatch):
    monkeypatch.setattr(rehearsal, "FLEET", 1)
    monkeypatch.setattr(rehearsal, "STAYS", 1)
    limits = replace(PATIENT, rehearse_ms=1)
    async with running(tmp_path, limits) as world:
        _, held = await world.held()
        await until(lambda: world.relay.rehearsals > 10)
        assert world.relay.polls.counts == {"devices": 1, "held": 1, "messages": 0}
        world.relay.polls.drain(wall_ms(), 10**9)
        await asyncio.sleep(0.05)
        before = world.relay.rehearsals
        await asyncio.sleep(0.1)
        assert world.relay.rehearsals == before
        assert world.relay.polls.held == 1
        held.cancel()
