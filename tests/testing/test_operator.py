"""The operator of the journeys says and sees what a panel does."""

import asyncio
from pathlib import Path

import pytest

from bedside.protocol import local
from bedside.testing.agent_socket import AgentSocket
from bedside.testing.operator import Operator
from tests.panel.test_app import ASKED, CODE, SESSION

pytestmark = pytest.mark.asyncio


async def test_allowing_gives_the_name_and_reads_the_code(tmp_path: Path) -> None:
    async with AgentSocket(tmp_path / "s") as agent:
        await agent.say(ASKED)
        operator = await asyncio.to_thread(Operator, tmp_path / "s")
        assert isinstance(await agent.heard.get(), local.Hello)

        accepting = asyncio.get_running_loop().run_in_executor(None, operator.accept, "Luc Roy")
        heard = await asyncio.wait_for(agent.heard.get(), 60)
        assert isinstance(heard, local.Accept)
        await agent.say(local.Done(heard.id))
        await agent.say(CODE)

        assert await accepting == "314159"
        assert (heard.session, heard.name) == (SESSION, "Luc Roy")
        await asyncio.to_thread(operator.leave)


async def test_what_the_agent_refuses_is_an_error_with_its_sentence(tmp_path: Path) -> None:
    async with AgentSocket(tmp_path / "s") as agent:
        await agent.say(ASKED)
        operator = await asyncio.to_thread(Operator, tmp_path / "s")
        await agent.heard.get()

        refusing = asyncio.get_running_loop().run_in_executor(None, operator.refuse)
        heard = await asyncio.wait_for(agent.heard.get(), 60)
        await agent.say(local.Failed(heard.id, "consent", "Too late."))

        with pytest.raises(PermissionError, match="consent: Too late"):
            await refusing
        await asyncio.to_thread(operator.leave)


async def test_an_agent_that_goes_away_ends_every_wait(tmp_path: Path) -> None:
    async with AgentSocket(tmp_path / "s") as agent:
        operator = await asyncio.to_thread(Operator, tmp_path / "s")
        await agent.heard.get()
        await agent.close()

        with pytest.raises(TimeoutError, match="lost=True"):
            await asyncio.to_thread(operator.asked)
        await asyncio.to_thread(operator.leave)
