"""The world of the agent's tests itself: what it leaves behind, and what it says of it."""

import pytest

from tests.agent.world import world

pytestmark = pytest.mark.asyncio


async def test_a_client_whose_child_stays_is_named_with_what_it_said_and_all_of_it_ends(tmp_path):
    """As an `ssh` that ends before its ProxyCommand does, which has the same outputs open."""
    ends_first = tmp_path / "ends-first"
    ends_first.write_text("#!/bin/sh\nsleep 1000 &\nexit 3\n")
    ends_first.chmod(0o755)
    async with world(tmp_path, relays="a", enrolled=False) as play:
        specialist = play.specialist(play.order())
        with pytest.raises(AssertionError, match="ends-first did not end"):
            await specialist.run(str(ends_first), within_s=1)
