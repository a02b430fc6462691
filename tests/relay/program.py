"""A relay as it is run: a process of its own with a file of its own, and what it logs."""

import asyncio
import contextlib
import json
import sys

_WAIT_S = 60


def configure(world, folder, *, top="", **limits):
    """Write a relay's file for this world and return it."""
    file = folder / "relay.toml"
    limits.setdefault("drain_ms", 0)
    lines = [f"{name} = {value}" for name, value in limits.items()]
    file.write_text(
        f'name = "a"\nserver_name = "relay-a.example"\nlisten = ["127.0.0.1:0"]\n'
        f'certificate = "{world.relay_credentials.certificate}"\n'
        f'key = "{world.relay_credentials.key}"\nca = "{world.authority.ca_file}"\n{top}\n'
        f'[console]\nhost = "127.0.0.1"\nport = {world.live.port or 1}\n'
        f'server_name = "live.example"\n[limits]\n' + "\n".join(lines),
        "utf-8",
    )
    return file


class Program:
    """One process; `said` waits for an event in its log."""

    def __init__(self, process):
        self.process = process
        self.lines = []

    async def said(self, event):
        """Return the next line of this event."""
        async with asyncio.timeout(_WAIT_S):
            while line := await self.process.stderr.readline():
                self.lines.append(json.loads(line))
                if self.lines[-1]["event"] == event:
                    return self.lines[-1]
        raise AssertionError(f"the program ended without {event}: {self.lines}")

    async def killed(self):
        """Kill it as a power cut of one process would."""
        self.process.kill()
        await self.over()

    async def over(self):
        """Wait until it has ended, and read what it still said: its pipe is closed then."""
        await self.process.communicate()


@contextlib.asynccontextmanager
async def program(world, file):
    """Run a relay with this file; the world's clients find it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bedside", "relay", "run", "--config", str(file)),
        stderr=asyncio.subprocess.PIPE,
    )
    running = Program(process)
    try:
        world.port = (await running.said("listening"))["port"]
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await running.over()
