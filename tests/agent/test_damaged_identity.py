"""A device whose own files are damaged says so in words, whatever is asked of it."""

import pytest

from tests.agent.world import world

pytestmark = pytest.mark.asyncio

COMMANDS = [("run",), ("check",), ("host-key",), ("site", "show")]


@pytest.mark.parametrize("file", ["trust.json", "current/identity.pem", "../configuration.json"])
async def test_damage_is_said_in_words(tmp_path, file):
    async with world(tmp_path) as play:
        path = play.config.identity_dir / file
        path.write_bytes(b'{"device": 7, "se')
        for words in COMMANDS:
            status, said = await play.command(*words)
            assert (status, "damaged" in said, "Traceback" in said) == (2, True, False), said


async def test_a_device_that_is_not_enrolled_is_said_to_be_so(tmp_path):
    async with world(tmp_path, enrolled=False) as play:
        for words in COMMANDS:
            status, said = await play.command(*words)
            assert (status, "not enrolled" in said, "Traceback" in said) == (2, True, False), said
