"""`bedside relay run|check|request|spool --config FILE`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from bedside.language import N_, Language, spoken_language, translator
from bedside.language.config_error import ConfigError
from bedside.language.furniture import file_words
from bedside.pki.device_keys import load_key_file
from bedside.pki.keystore import KeyStoreError
from bedside.pki.relay_requests import build_relay_request
from bedside.relay.config import RelayConfig, read_config
from bedside.relay.extras import faults
from bedside.relay.log import Log
from bedside.relay.server import Relay, run
from bedside.relay.spool_words import check_folder, spool_words

__all__ = ["main"]


def main(argv: list[str]) -> int:
    """Run the relay, or look at what it is given and owes; exit code 2: it cannot serve."""
    given = _parser().parse_args(argv)
    try:
        config = read_config(given.config)
        if given.word == "check":
            return _run_loop(_check(config))
        if given.word == "request":
            print(build_relay_request(load_key_file(config.key), config.name), end="")
            return 0
        if given.word == "spool":
            print(spool_words(config.spool, config.limits.spool(), _language()))
            return 0
        return _run_loop(_serve(config))
    except ConfigError as error:
        print(f"bedside relay: {error.say(_language())}", file=sys.stderr)
    except KeyStoreError as error:
        print(f"bedside relay: {error.say(_language())}", file=sys.stderr)
    except OSError as error:
        where = error.filename or given.config
        print(f"bedside relay: {where}: {file_words(error, _language())}", file=sys.stderr)
    return 2


def _language() -> Language:
    return spoken_language(os.environ)  # noqa: TID251 - who types, not what the relay is to do


def _parser() -> argparse.ArgumentParser:
    say = translator(_language())
    parser = argparse.ArgumentParser(
        prog="bedside relay", description=say(N_("A relay: it carries what it cannot read."))
    )
    words = parser.add_subparsers(dest="word", required=True, metavar=say(N_("WORD")))
    for word, meaning in (
        ("run", N_("serve until SIGTERM")),
        ("check", N_("check the configuration")),
        ("request", N_("print a request for the next certificate, signed by the relay's key")),
        ("spool", N_("show what waits for the console")),
    ):
        command = words.add_parser(word, help=say(meaning))
        command.add_argument(
            "--config",
            type=Path,
            required=True,
            metavar=say(N_("FILE")),
            help=say(N_("the configuration file")),
        )
    return parser


async def _serve(config: RelayConfig) -> int:
    await run(config, Log(config.name))
    return 0


async def _check(config: RelayConfig) -> int:
    """Build everything, listen to nothing; 1 where it would serve, but not all that it is told to."""
    check_folder(config.spool)
    Relay(config, Log(config.name)).door.close()
    print(f"relay {config.name}: {config.server_name}")
    lacks = faults(config)
    for each in lacks:
        print(f"bedside relay: {each.say(_language())}", file=sys.stderr)
    return 1 if lacks else 0


def _run_loop(main: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where it is installed, on asyncio's own loop where it is not."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.run(main)
    return uvloop.run(main)
