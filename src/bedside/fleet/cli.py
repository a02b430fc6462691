"""`bedside fleet simulate`: devices that poll real relays over real TLS, and storms of them."""

import argparse
import errno
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from bedside.fleet.identities import Identity, open_authority
from bedside.fleet.plan import MAX_DEVICES, MAX_SECONDS, Tally, parse_storm
from bedside.fleet.simulator import Simulator
from bedside.fleet.timers import FleetReactor
from bedside.language import N_, Language, spoken_language, translator
from bedside.language.furniture import file_words
from bedside.pki.keystore import KeyStoreError
from bedside.protocol.errors import ProtocolError
from bedside.protocol.shapes import Relay, check_host
from bedside.relay.config import read_config
from bedside.vocabulary import DeviceId, PollMode, RelayName, parse_relay_name

__all__ = ["main"]

_EVERY_S = 5
_FILES_BESIDE = 64
_DEMO = Path("var/demo")


def main(argv: list[str]) -> int:
    """Simulate a fleet; 0 when every device is served at the end, 1 when not, 2 what is wrong."""
    language = spoken_language(os.environ)  # noqa: TID251 - its edge
    given = _parser(language).parse_args(argv)
    say = translator(language)
    try:
        relays, authority = _places(given)
        _make_room(given.devices, language)
        opened = open_authority(authority)
    except (KeyStoreError, OSError, ValueError) as error:
        print(f"bedside fleet: {_why(error, language)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="bedside-fleet-") as folder:
        print(
            say(N_("Certificates to issue: %(devices)s")) % {"devices": given.devices}, flush=True
        )
        now_ms = time.time_ns() // 1_000_000
        identities = [
            Identity(opened, DeviceId(f"SIM-{number:06}"), folder=Path(folder), now_ms=now_ms)
            for number in range(given.devices)
        ]
        fleet = Simulator(
            FleetReactor(), identities, relays, mode=PollMode(given.mode), span_s=given.span
        )
        tally = fleet.run(
            given.seconds,
            given.storm,
            every_s=_EVERY_S,
            tell=lambda: print(_progress(fleet.tally, language), flush=True),
        )
    print(_summary(tally, language))
    return 0 if tally.served == tally.devices else 1


def _parser(language: Language) -> argparse.ArgumentParser:
    say = translator(language)
    parser = argparse.ArgumentParser(
        prog="bedside fleet", description=say(N_("A fleet that is not there."))
    )
    words = parser.add_subparsers(dest="word", required=True, metavar=say(N_("WORD")))
    one = words.add_parser("simulate", help=say(N_("devices that poll real relays")))
    number, seconds = say(N_("NUMBER")), say(N_("SECONDS"))
    one.add_argument(
        "--devices",
        type=_typed(_count, f"1..{MAX_DEVICES}"),
        required=True,
        metavar=number,
        help=say(N_("how many")),
    )
    one.add_argument(
        "--mode",
        choices=[mode.value for mode in PollMode],
        default=PollMode.HELD.value,
        help=say(N_("how they poll")),
    )
    one.add_argument(
        "--seconds",
        type=_typed(_seconds, f"0..{MAX_SECONDS}"),
        default=60,
        metavar=seconds,
        help=say(N_("how long; 60")),
    )
    one.add_argument(
        "--span",
        type=_typed(_seconds, f"0..{MAX_SECONDS}"),
        default=30,
        metavar=seconds,
        help=say(N_("within how long devices come, and come back; 30")),
    )
    one.add_argument(
        "--storm",
        type=_typed(parse_storm, f"{seconds}[:rush]"),
        action="append",
        default=[],
        metavar=seconds,
        help=say(N_("when all connections break; with `:rush`, devices ignore the span")),
    )
    _add_places(one, language)
    return parser


def _add_places(parser: argparse.ArgumentParser, language: Language) -> None:
    say = translator(language)
    folder = say(N_("FOLDER"))
    parser.add_argument(
        "--demo",
        type=Path,
        metavar=folder,
        help=say(N_("a demonstration's relays and authority; var/demo")),
    )
    parser.add_argument(
        "--authority",
        type=Path,
        metavar=folder,
        help=say(N_("the data folder of the console whose certificates the relays accept")),
    )
    parser.add_argument(
        "--relay",
        type=_typed(_relay, say(N_("NAME@HOST:PORT"))),
        action="append",
        default=[],
        metavar=say(N_("NAME@HOST:PORT")),
        help=say(N_("a relay: its server name, where it listens; may be given again")),
    )


def _places(given: argparse.Namespace) -> tuple[list[Relay], Path]:
    """Return the relays and the authority's folder."""
    if given.relay and given.authority:
        return list({relay.name: relay for relay in given.relay}.values()), given.authority
    demo = given.demo or _DEMO
    relays = []
    for file in sorted(demo.glob("relay-*/relay.toml")):
        config = read_config(file)
        where = config.listen[0]
        relays.append(
            Relay(
                name=config.name,
                host=where.host,
                server_name=config.server_name,
                ports=(where.port,),
            )
        )
    if not relays:
        raise FileNotFoundError(
            errno.ENOENT, os.strerror(errno.ENOENT), f"{demo}/relay-*/relay.toml"
        )
    return relays, demo / "console"


def _make_room(devices: int, language: Language) -> None:
    """Let this process open as many files as devices need; raises ValueError where it may not."""
    needed = devices + _FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        say = translator(language)
        may = say(N_("A process may open %(files)s files here, and these devices need %(needed)s."))
        raise ValueError(may % {"files": hard, "needed": needed})
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _why(error: Exception, language: Language) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, OSError) and cause.filename is not None:
        return f"{cause.filename}: {file_words(cause, language)}"
    return error.say(language) if isinstance(error, KeyStoreError) else str(error)


def _typed(read: Callable[[str], Any], wanted: str) -> Callable[[str], Any]:
    """Return a reader of an argument that says what is wanted in the reader's language."""

    def typed(text: str) -> Any:
        try:
            return read(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text}: {wanted}") from None

    return typed


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MAX_DEVICES:
        raise ValueError(text)
    return count


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError(text)
    return seconds


def _relay(text: str) -> Relay:
    name, at, place = text.partition("@")
    host, colon, port = place.rpartition(":")
    if not at or not colon or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(text)
    host = host.removeprefix("[").removesuffix("]")
    try:
        return Relay(
            name=_relay_name(f"{name}@{host}:{port}"),
            host=check_host(host, address=True),
            server_name=check_host(name, address=False),
            ports=(int(port),),
        )
    except ProtocolError as error:
        raise ValueError(text) from error


def _relay_name(place: str) -> RelayName:
    """Return the name that one place has in the rota: another one for each place.

    The true name is the console's to know. A server name may be longer than a relay's name can be.
    """
    return parse_relay_name(f"r{sha256(place.lower().encode()).hexdigest()[:24]}")


def _progress(tally: Tally, language: Language) -> str:
    say = translator(language)
    return say(
        N_(
            "%(served)s of %(devices)s devices are served; answers: %(answers)s, failures: %(failed)s"
        )
    ) % {
        "served": tally.served,
        "devices": tally.devices,
        "answers": tally.answers,
        "failed": tally.failed,
    }


def _summary(tally: Tally, language: Language) -> str:
    say = translator(language)
    lines: Sequence[str] = [
        _progress(tally, language),
        say(N_("Refused by a relay: %(refused)s; messages received: %(messages)s"))
        % {"refused": tally.refused, "messages": tally.messages},
        *(
            say(N_("Polls lost or refused, %(cause)s: %(count)s"))
            % {"cause": cause, "count": count}
            for cause, count in tally.causes.most_common()
        ),
        say(N_("Time to connect, half of them within: %(half)s ms; 99 %%: %(most)s ms"))
        % {"half": tally.dial_ms(0.5), "most": tally.dial_ms(0.99)},
        *(
            say(N_("Storm %(number)s: all devices were back after %(seconds).1f s"))
            % {"number": number, "seconds": back / 1000}
            for number, back in enumerate(tally.returns_ms, 1)
        ),
    ]
    return "\n".join(lines)
