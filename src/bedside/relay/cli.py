"""`bedside relay run|check --config FILE`."""

import argparse
import asyncio
import ssl
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from bedside.relay.config import ConfigError, RelayConfig, read_config
from bedside.relay.log import Log
from bedside.relay.server import Relay, run

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Run the relay, or check its configuration; exit code 2 says what is wrong."""
    parser = argparse.ArgumentParser(prog="bedside relay")
    words = parser.add_subparsers(dest="word", required=True)
    for word, meaning in (("run", "serve until SIGTERM"), ("check", "check the configuration")):
        command = words.add_parser(word, help=meaning)
        command.add_argument("--config", type=Path, required=True, metavar="FILE")
    given = parser.parse_args(argv)
    try:
        config = read_config(given.config)
        if given.word == "check":
            return _run_loop(_check(config))
        return _run_loop(_serve(config))
    except (ConfigError, OSError, ssl.SSLError) as error:
        print(f"bedside relay: {error}", file=sys.stderr)
        return 2


async def _serve(config: RelayConfig) -> int:
    await run(config, Log(config.name))
    return 0


async def _check(config: RelayConfig) -> int:
    """Build everything, listen to nothing."""
    Relay(config, Log(config.name)).door.close()
    print(f"relay {config.name}: {config.server_name}")
    return 0


def _run_loop(main: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where it is installed, on asyncio's own loop where it is not."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.run(main)
    return uvloop.run(main)
