"""One file says what a relay is and what it allows; a missing or wrong value fails at start."""

import errno
import os
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bedside.language import N_
from bedside.language.config_error import ConfigError, field_error, toml_error
from bedside.observe.admin import AdminAddress
from bedside.observe.trace import is_endpoint
from bedside.protocol.errors import ProtocolError
from bedside.protocol.fields import Fields
from bedside.protocol.poll import MAX_HOLD_MS, Spans
from bedside.protocol.shapes import check_host
from bedside.relay.connection import HttpTimes
from bedside.relay.console_line import ConsolePlace
from bedside.relay.console_link import LinkTimes
from bedside.relay.driver import DoorLimits
from bedside.relay.pairing import PairingLimits
from bedside.relay.polls import PollLimits
from bedside.relay.spool import SpoolLimits
from bedside.vocabulary import RelayName, parse_relay_name

__all__ = ["Address", "Limits", "RelayConfig", "SiblingsConfig", "listen_error", "read_config"]

_MAX_FILE = 64 * 1024
_MAX_SIBLINGS = 64
# unix(7): sun_path, with the zero at its end.
_MAX_SOCKET_PATH = 107
_LISTEN_SENTENCES = {
    errno.EACCES: N_("{key}: this user may not take port {port} of {host}"),
    errno.EADDRINUSE: N_("{key}: another program has port {port} of {host}"),
    errno.EADDRNOTAVAIL: N_("{key}: {host} is no address of this machine"),
}
_OTHER_LISTEN = N_("{key}: port {port} of {host} cannot be taken ({number})")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the relay listens."""

    host: str
    port: int


def _limit(default: int, low: int, high: int, meaning: str) -> int:
    metadata = {"low": low, "high": high, "meaning": meaning}
    value: int = field(default=default, metadata=metadata)
    return value


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Every limit the relay enforces; the unit is the end of the name."""

    handshake_ms: int = _limit(
        5_000,
        100,
        60_000,
        "For a first word, and then for the TLS handshake; half of it in line. "
        "Keep it below the devices' 8 s.",
    )
    handshakes_count: int = _limit(256, 1, 10_000, "Handshakes at once; further ones wait in line.")
    handshakes_waiting_count: int = _limit(
        1_024,
        1,
        100_000,
        "How many wait in line for their handshake; further ones are told to come later.",
    )
    connections_count: int = _limit(
        18_000, 1, 1_000_000, "Open connections; keep it below the process's open files."
    )
    connections_per_source_count: int = _limit(
        512, 1, 1_000_000, "Open connections from one address; a hospital may be one address."
    )
    handshakes_per_source_count: int = _limit(
        64, 1, 10_000, "Handshakes at once from one address; its further ones stand aside."
    )
    connections_per_device_count: int = _limit(
        80, 1, 1_000, "Open connections with one certificate name: polls, reports and tunnel legs."
    )
    request_ms: int = _limit(
        10_000, 100, 300_000, "From a request's first byte to its last; 408 after it."
    )
    idle_ms: int = _limit(
        90_000, 1_000, 3_600_000, "How long a connection may wait between two requests."
    )
    hold_ms: int = _limit(
        MAX_HOLD_MS,
        100,
        MAX_HOLD_MS,
        "How long a held poll waits for work: the period of held polling; no device waits longer.",
    )
    interval_ms: int = _limit(30_000, 1_000, 3_600_000, "The period of interval polling.")
    interval_jitter_percent: int = _limit(
        10, 0, 50, "How far an interval may be off, either way, at random."
    )
    resend_ms: int = _limit(
        5_000, 100, 300_000, "Before an unacknowledged message is sent again on one connection."
    )
    refused_retry_ms: int = _limit(
        60_000, 100, 3_600_000, "When a refused device may ask again: this long to twice as long."
    )
    lost_ms: int = _limit(
        30_000,
        1_000,
        300_000,
        "Within how long devices that lose this relay are meant to be at another: they dial in "
        "its first nine tenths; at least two milliseconds for each device.",
    )
    home_ms: int = _limit(
        600_000,
        1_000,
        86_400_000,
        "How long a device that came from another relay stays before it tries that one again.",
    )
    home_spread_ms: int = _limit(
        300_000, 0, 86_400_000, "Up to this much longer, so that they do not all go home at once."
    )
    retry_ms: int = _limit(
        2_000, 100, 10_000, "A device's first try again comes within this; the range then grows."
    )
    retry_most_ms: int = _limit(
        120_000, 10_000, 3_600_000, "The longest range of a device's tries again."
    )
    messages_per_device_count: int = _limit(
        64, 1, 1_000, "Messages waiting for one device; the oldest goes when one more comes."
    )
    polls_per_minute_count: int = _limit(
        120,
        4,
        60_000,
        "Polls of one device in a minute, as many at once; further ones wait for their turn.",
    )
    unpaired_ms: int = _limit(
        30_000, 100, 300_000, "How long a tunnel's leg waits for its partner; 504 after it."
    )
    sessions_count: int = _limit(10_000, 1, 1_000_000, "Sessions known at once.")
    session_connections_count: int = _limit(
        64, 1, 64, "Paired connections over the life of one session."
    )
    spool_bytes: int = _limit(
        64 * 1024 * 1024,
        1024 * 1024,
        2**40,
        "What may wait for the console: in its files, and in memory.",
    )
    console_answer_ms: int = _limit(
        10_000, 100, 300_000, "How long the console may take to answer what is not a long poll."
    )
    console_retry_most_ms: int = _limit(
        30_000, 100, 600_000, "The longest pause between two attempts to reach the console."
    )
    drain_ms: int = _limit(
        300_000,
        0,
        86_400_000,
        "How long the relay carries what is live, and sends its devices away, before it stops.",
    )
    rehearse_ms: int = _limit(
        2,
        0,
        100,
        "How often a relay that holds a thousand polls plays an order to itself, so that the next one "
        "finds its way warm; it takes about a tenth of a core. 0: never.",
    )
    stop_ms: int = _limit(
        5_000, 0, 300_000, "How long the relay tries to post what it owes before it stops."
    )

    @property
    def longest_interval_ms(self) -> int:
        """The interval with its longest jitter, and the way here, which may take a handshake's time."""
        return self.interval_ms * (100 + self.interval_jitter_percent) // 100 + self.handshake_ms

    def door(self) -> DoorLimits:
        """The driver's share."""
        return DoorLimits(
            self.handshake_ms,
            self.handshakes_count,
            self.handshakes_waiting_count,
            self.connections_count,
            self.connections_per_source_count,
            self.handshakes_per_source_count,
        )

    def polls(self) -> PollLimits:
        """The polls' share."""
        return PollLimits(
            self.hold_ms,
            self.interval_ms,
            self.interval_jitter_percent,
            self.resend_ms,
            self.refused_retry_ms,
            self.messages_per_device_count,
            self.polls_per_minute_count,
            self.spans(),
        )

    def spans(self) -> Spans:
        """What the polls dictate to devices."""
        return Spans(
            lost_ms=self.lost_ms,
            home_ms=self.home_ms,
            home_spread_ms=self.home_spread_ms,
            retry_ms=self.retry_ms,
            retry_most_ms=self.retry_most_ms,
        )

    def pairing(self) -> PairingLimits:
        """The tunnels' share; idle time, lifetime and bytes come with each session's order."""
        return PairingLimits(self.unpaired_ms, self.session_connections_count, self.sessions_count)

    def http(self) -> HttpTimes:
        """The requests' share."""
        return HttpTimes(self.request_ms, self.idle_ms)

    def link(self) -> LinkTimes:
        """The console link's share."""
        return LinkTimes(self.console_answer_ms, retry_most_ms=self.console_retry_most_ms)

    def spool(self) -> SpoolLimits:
        """The spool's share."""
        return SpoolLimits(self.spool_bytes)


@dataclass(frozen=True, slots=True)
class SiblingsConfig:
    """`[siblings]`: the relays that share this host's addresses, one process each."""

    folder: Path
    """Where they hand each other connections; only their user may enter it."""
    names: tuple[str, ...]
    """Their server names."""


@dataclass(frozen=True, kw_only=True)
class RelayConfig:
    """What one relay process is told at start."""

    name: RelayName
    server_name: str
    listen: tuple[Address, ...]
    certificate: Path
    key: Path
    ca: Path
    console: ConsolePlace
    spool: Path
    admin: AdminAddress | None = None
    """Metrics and health, for whoever runs the relay; off where there is none."""
    tracing: str = ""
    """The collector that is sent spans over OTLP/HTTP; empty: none."""
    limits: Limits = field(default_factory=Limits)
    siblings: SiblingsConfig | None = None


def read_config(path: Path) -> RelayConfig:
    """Return what the file says; files it names are beside it unless their path is absolute.

    Raises ConfigError, whose sentence names what is missing or wrong, OSError when the file cannot
    be read.
    """
    data = path.read_bytes()
    try:
        if len(data) > _MAX_FILE:
            raise field_error("size")
        return _parse(_toml(data), path.parent)
    except ConfigError as error:
        raise error.within(path.name) from error.__cause__
    except ProtocolError as error:
        raise field_error(error.code, error.where).within(path.name) from error


def _toml(data: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise toml_error(error) from error


def listen_error(
    address: Address | AdminAddress, error: OSError, *, key: str = "listen"
) -> ConfigError:
    """Return the error for an address of `key` where the relay cannot listen."""
    text = _LISTEN_SENTENCES.get(error.errno or 0, _OTHER_LISTEN)
    return ConfigError(text, key=key, host=address.host, port=address.port, number=error.errno)


def _parse(content: dict[str, Any], folder: Path) -> RelayConfig:
    top = Fields(content)
    console = top.object("console")
    name = top.parsed("name", parse_relay_name)
    has_spool = top.has("spool")
    config = RelayConfig(
        name=name,
        server_name=top.parsed("server_name", _name, max=253),
        listen=tuple(_address(text) for text in top.texts("listen", min=1, max=16)),
        certificate=folder / top.text("certificate", max=4096),
        key=folder / top.text("key", max=4096),
        ca=folder / top.text("ca", max=4096),
        console=ConsolePlace(
            console.parsed("host", lambda text: check_host(text, address=True), max=253),
            _number(console, "port", "console.port", low=1, high=65535),
            console.parsed("server_name", _name, max=253),
        ),
        spool=folder / (top.text("spool", max=4096) if has_spool else f"spool-{name}"),
        admin=_admin(top),
        tracing=_tracing(top),
        limits=_limits(top.object("limits")) if top.has("limits") else Limits(),
        siblings=_siblings(top.object("siblings"), folder) if top.has("siblings") else None,
    )
    _end(console, "console.")
    _end(top)
    if config.siblings is not None and config.server_name not in config.siblings.names:
        raise ConfigError(
            N_("siblings.names: {name}, this relay's own server name, is missing"),
            name=config.server_name,
        )
    if config.admin is not None and _meets(config.admin, config.listen):
        raise ConfigError(N_("admin must not be an address of listen: devices reach that one"))
    return config


def _siblings(given: Fields, folder: Path) -> SiblingsConfig:
    where = folder / given.text("folder", max=4096)
    names = tuple(_name(text) for text in given.texts("names", min=1, max=_MAX_SIBLINGS))
    _end(given, "siblings.")
    for name in names:
        if len(os.fsencode(where / f"{name}.sock")) > _MAX_SOCKET_PATH:
            raise ConfigError(N_("siblings.folder: {path} is too long for a socket"), path=where)
    return SiblingsConfig(where, names)


def _limits(given: Fields) -> Limits:
    known = {each.name: each.metadata for each in fields(Limits)}
    values = {
        name: _number(given, name, f"limits.{name}", low=bounds["low"], high=bounds["high"])
        for name, bounds in known.items()
        if given.has(name)
    }
    _end(given, "limits.")
    return Limits(**values)


def _number(given: Fields, name: str, full: str, *, low: int, high: int) -> int:
    try:
        return given.integer(name, low=low, high=high)
    except ProtocolError as error:
        if error.code != "range":
            raise
        text = N_("{name} must be from {low} to {high}")
        raise ConfigError(text, name=full, low=low, high=high) from None


def _end(given: Fields, where: str = "") -> None:
    """Refuse keys that nobody read, by name: whoever wrote this file may read it back."""
    if unread := given.unread():
        raise field_error("unknown", f"{where}{unread[0]}")


def _name(text: str) -> str:
    return check_host(text, address=False)


def _address(text: str) -> Address:
    split = _host_port(text)
    if split is None:
        raise ConfigError(N_("listen: {text} is not HOST:PORT"), text=text)
    return Address(*split)


def _admin(top: Fields) -> AdminAddress | None:
    if not top.has("admin"):
        return None
    text = top.text("admin", max=300)
    split = _host_port(text)
    if split is None or not split[0]:
        raise ConfigError(N_("admin: {text} is not HOST:PORT"), text=text)
    return AdminAddress(*split)


def _tracing(top: Fields) -> str:
    if not top.has("tracing"):
        return ""
    text = top.text("tracing", max=300)
    if not is_endpoint(text):
        raise ConfigError(N_("tracing: {text} is not like http://HOST:4318"), text=text)
    return text


def _host_port(text: str) -> tuple[str, int] | None:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        return None
    return host.removeprefix("[").removesuffix("]"), int(port)


def _meets(admin: AdminAddress, listen: tuple[Address, ...]) -> bool:
    """Whether the admin address is one that devices reach; a free port (0) never is."""
    everywhere = {"", "0.0.0.0", "::"}  # noqa: S104 - names them, binds nothing
    return any(
        admin.port == each.port != 0
        and (admin.host == each.host or everywhere & {admin.host, each.host})
        for each in listen
    )
