"""What a relay has beside its work: an admin address, traces, siblings that know it.

A fault of these costs what it is a fault of: it is a loud line of log and a sentence of `check`, and
devices are served all the same. A Python that costs more is a line of log.
"""

import contextlib
import errno
import http.client
import platform
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bedside.language import N_
from bedside.language.config_error import ConfigError
from bedside.observe.admin import AdminAddress, AdminServer
from bedside.observe.extra import TRACING_CURE, TRACING_LOCK, has_tracing
from bedside.pki.shown_alone import can_show_alone
from bedside.relay.config import RelayConfig, listen_error
from bedside.relay.siblings import strangers

if TYPE_CHECKING:
    from bedside.relay.server import Relay
    from bedside.relay.tracing import Tracing

__all__ = ["Extras", "faults"]

_ASK_S = 2.0
_MOST_BYTES = 1024 * 1024


class Extras:
    """Those of one relay that serves; what it does without is in its log."""

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay
        self._admin: AdminServer | None = None
        self._tracing: Tracing | None = None

    async def open(self) -> None:
        """Open what the configuration names, as far as it can be had."""
        config, log = self._relay.config, self._relay.log
        # Each is loaded here, so that a relay without it carries none of it.
        if config.tracing:
            from bedside.relay.tracing import Tracing

            try:
                self._tracing = Tracing(self._relay, config.tracing)
            except ImportError as error:
                log("tracing_off", level="warning", error=str(error), cure=TRACING_CURE)
        if config.admin is not None:
            from bedside.relay.admin import open_admin

            try:
                self._admin = await open_admin(self._relay, config.admin)
            except ConfigError as error:
                log("admin_off", level="warning", error=str(error))
        for fault in _siblings(config):
            log("sibling_unknown", level="warning", error=str(fault))
        if not can_show_alone():
            # Handshakes cost more, and that is all: no fault that `check` would refuse.
            log("root_shown", level="warning", python=platform.python_version())

    def close(self) -> None:
        """Close what was opened."""
        if self._admin is not None:
            self._admin.close()
        if self._tracing is not None:
            self._tracing.close()


def faults(config: RelayConfig) -> list[ConfigError]:
    """Return what a relay with this configuration does without, beside one that may run already."""
    return [*_tracing(config), *_admin(config), *_siblings(config)]


def _tracing(config: RelayConfig) -> Iterator[ConfigError]:
    if config.tracing and not has_tracing():
        words = N_(
            "tracing: its packages are not installed here, and the relay serves without traces: pip "
            "install --require-hashes -r {lock}, then restart it"
        )
        yield ConfigError(words, lock=TRACING_LOCK)


def _admin(config: RelayConfig) -> Iterator[ConfigError]:
    if config.admin is None:
        return
    try:
        _bind(config.admin)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not _is_ours(config.admin, config.name):
            yield listen_error(config.admin, error, key="admin")


def _siblings(config: RelayConfig) -> Iterator[ConfigError]:
    if config.siblings is None:
        return
    for name in strangers(config.siblings.folder, config.siblings.names):
        words = N_(
            "siblings.names: {name} runs on this host and is missing: all of them must be in every "
            "relay's file, and each is restarted then"
        )
        yield ConfigError(words, name=name)


def _bind(address: AdminAddress) -> None:
    """Take the address and leave it. Raises OSError where it cannot be had."""
    kind = socket.SOCK_STREAM
    found = socket.getaddrinfo(address.host, address.port, type=kind, flags=socket.AI_PASSIVE)
    for family, _, number, _, where in found:
        with socket.socket(family, kind, number) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(where)


def _is_ours(address: AdminAddress, name: str) -> bool:
    """Whether this very relay has the address already: it runs."""
    ask = http.client.HTTPConnection(address.host, address.port, timeout=_ASK_S)
    with contextlib.closing(ask):
        try:
            ask.request("GET", "/metrics")
            text = ask.getresponse().read(_MOST_BYTES)
        except (OSError, http.client.HTTPException):
            return False
    return f'bedside_relay_info{{name="{name}"'.encode() in text
