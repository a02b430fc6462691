"""The process that does the work: starts with a message, holds the heavy parts, leaves when done.

It is born with one socket to the supervisor and one to its leash, gives up its privileges, and dies
with both. Where nobody could stop a session any more, the worker is no more: it ends at once, without
a word in the journal; the leash ends what the session started, and the supervisor, or the next one,
writes the ending.
"""

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from bedside.agent.broken_line import say_quietly
from bedside.agent.config import AgentConfig
from bedside.agent.home import SUPERVISOR_LIMIT_S, Home
from bedside.agent.privileges import die_now, die_with_parent, drop_privileges

__all__ = ["Worker", "main"]

LINGER_S = 5.0
_ALIVE_S = 2.0
_RECEIPT_WAIT_S = 12.0


class Worker:
    """Obeys the supervisor until there is nothing to do.

    Args:
        config: the agent's configuration.
        home: the line to the supervisor.
        leash: connected to the process that starts a session's commands.
    """

    def __init__(self, config: AgentConfig, home: Home, leash: socket.socket) -> None:
        from bedside.agent.clerk import Clerk
        from bedside.agent.ssh.children import Leash

        self._home = home
        self._over = asyncio.Event()
        self._quiet_since = time.monotonic()
        self._silent_beats = 0
        self.clerk = Clerk(config, Leash(leash), tell=home.tell, touched=self._touch)

    async def run(self) -> None:
        """Work until nothing was to be done for a while, or the supervisor says so."""
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self.clerk.run()),
                tasks.create_task(self._beat()),
            ]
            await self.clerk.ready.wait()
            self._home.listen(self._obey)
            await self._over.wait()
            await self.clerk.leave()
            for task in running:
                task.cancel()

    async def _beat(self) -> None:
        while True:
            self._home.tell({"do": "alive"})
            # Counted, not measured: a machine that slept is no supervisor that hangs.
            self._silent_beats += 1
            if self._silent_beats > SUPERVISOR_LIMIT_S / _ALIVE_S:
                die_now()
            idle_s = time.monotonic() - self._quiet_since
            if (not self.clerk.busy and idle_s > LINGER_S) or (
                self.clerk.waits_for_receipt_only and idle_s > _RECEIPT_WAIT_S
            ):
                self._over.set()
            await asyncio.sleep(_ALIVE_S)

    def _obey(self, told: dict[str, Any]) -> None:
        self._silent_beats = 0
        if told["do"] == "alive":
            return
        self._touch()
        if told["do"] == "leave":
            self._over.set()
        else:
            self.clerk.obey(told)

    def _touch(self) -> None:
        self._quiet_since = time.monotonic()


def main() -> int:
    """Run the worker on the sockets at descriptors 3 and 4; returns the exit status."""
    parent = os.getppid()
    die_with_parent(parent)
    home = Home(socket.socket(fileno=3), on_gone=die_now)
    # Descriptor 4 stays open to the last, so that the leash does not leave before this process.
    leash = socket.socket(fileno=os.dup(4))
    told = home.first()
    if told is None:
        return 0
    config = AgentConfig.from_json(told["config"])
    drop_privileges(config.worker_user)
    die_with_parent(parent)

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(say_quietly)
        await Worker(config, home, leash).run()

    with (
        contextlib.suppress(asyncio.CancelledError),
        asyncio.Runner(loop_factory=_loop_factory()) as runner,
    ):
        runner.run(work())
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's, which moves a session's bytes with a sixth less work; asyncio's elsewhere."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
