"""The endpoint as a session's worker runs it, for `bench.ssh_endpoint`: FOLDER PORT [uvloop]."""

import asyncio
import os
import sys
from pathlib import Path

from tests.agent.ssh.kit import device


async def main(folder: Path, port: int) -> None:
    async with device(folder, port=port, inbox_bytes=2**40) as play:
        play.config()
        play.environment()
        print(os.getpid(), play.leash_pid, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    if sys.argv[3:] == ["uvloop"]:
        import uvloop

        uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
    else:
        asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
