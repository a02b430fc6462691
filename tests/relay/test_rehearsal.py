"""A relay plays orders to itself: only to itself, only with a fleet, and again after it was broken off."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from bedside.pki.contexts import console_client_context, console_server_context
from bedside.relay.connection import HttpTimes
from bedside.relay.driver import Door, DoorLimits
from bedside.relay.polls import PollLimits
from bedside.relay.rehearsal import FLEET, Rehearsal, SelfContexts
from bedside.testing.certificates import PocketAuthority
from tests.relay.world import until

NAME = "relay-a.example"


class Play:
    """A rehearsal whose fleet and whose files can be taken away."""

    def __init__(self, folder):
        authority = PocketAuthority(folder)
        self.credentials = authority.relay("a", NAME)
        self.ca = authority.ca_file
        self.name = NAME
        self.held = FLEET
        self.asked = 0
        nobody = {"welcome": print, "gone": print, "refusal": print, "abuse": print}
        self.door = Door((), DoorLimits(), **nobody)
        self.door.start()
        self.rehearsal = Rehearsal(
            self.door,
            PollLimits(),
            HttpTimes(),
            contexts=self.contexts,
            every_ms=1,
            held=lambda: self.held,
        )

    def contexts(self):
        self.asked += 1
        certificate, key = self.credentials.certificate, self.credentials.key
        server = console_server_context(certificate, key, server_name=NAME)
        client = console_client_context(self.ca.read_text("ascii"))
        return SelfContexts(server, client, self.name)

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


@pytest.mark.asyncio
async def test_nothing_is_played_without_a_fleet(tmp_path):
    async with playing(Play(tmp_path)) as play:
        await play.goes_on()
        play.held = FLEET - 1
        assert await play.stands_still()
        play.held = FLEET
        await play.goes_on()


@pytest.mark.asyncio
async def test_nothing_is_played_while_others_are_served(tmp_path):
    async with playing(Play(tmp_path)) as play:
        await play.goes_on()

        async def serve():
            while True:
                play.door.reads.count += 100
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as tasks:
            others = tasks.create_task(serve())
            assert await play.stands_still()
            others.cancel()
        await play.goes_on()


@pytest.mark.asyncio
async def test_a_way_that_was_broken_is_made_anew(tmp_path):
    async with playing(Play(tmp_path)) as play:
        await play.goes_on()
        for timed in play.door.timers.due(play.door.now_ms() + 3_600_000):
            timed.expired()
        await until(lambda: play.asked == 2)
        await play.goes_on()


@pytest.mark.asyncio
async def test_another_name_is_tried_again_and_stops_nobody(tmp_path):
    play = Play(tmp_path)
    play.name = "relay-b.example"
    async with playing(play):
        await until(lambda: play.asked == 2)
        assert not play.rehearsal.played
        play.name = NAME
        await play.goes_on()


@pytest.mark.asyncio
@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\n"])
@pytest.mark.parametrize("which", ["ca", "certificate"])
async def test_a_file_that_cannot_serve_is_read_again_and_stops_nobody(tmp_path, which, content):
    play = Play(tmp_path)
    file = play.ca if which == "ca" else play.credentials.certificate
    kept = file.read_bytes()
    file.write_bytes(content)
    async with playing(play):
        await until(lambda: play.asked == 2)
        assert not play.rehearsal.played
        file.write_bytes(kept)
        await play.goes_on()
