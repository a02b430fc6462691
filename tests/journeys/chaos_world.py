"""A world that can be hurt: small disks, cables, clocks and certificates."""

import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from bedside.demo.processes import wait_for
from bedside.demo.world import World, WorldError
from bedside.fleet.identities import Identity, open_authority
from bedside.pki.device_keys import load_key_file
from bedside.protocol.shapes import Relay
from bedside.relay.config import read_config
from bedside.vocabulary import DeviceId, RelayName
from tests.disks import SmallDisk
from tests.journeys.cable import Cable

__all__ = ["ChaosWorld"]


class ChaosWorld(World):
    """A world whose relays have a small disk each, a cable to the console, and a clock that can be wrong."""

    def build(self) -> Self:
        """See World."""
        super().build()
        self.disks = {name: SmallDisk(self.relay_folder(name) / "disk") for name in ("a", "b")}
        self.cables = {name: Cable(self.ports.feed) for name in ("a", "b")}
        for name in ("a", "b"):
            file = self.relay_folder(name) / "relay.toml"
            text = file.read_text("utf-8")
            known = f"port = {self.ports.feed}"
            assert text.count(known) == 1
            text = text.replace(known, f"port = {self.cables[name].port}")
            file.write_text(f'spool = "disk/spool"\n{text}', "utf-8")
            self.set_clock(name, 0)
        return self

    def relay_address(self, name: str) -> Relay:
        """Return what devices dial."""
        config = read_config(self.relay_folder(name) / "relay.toml")
        where = config.listen[0]
        return Relay(
            name=config.name, host=where.host, server_name=config.server_name, ports=(where.port,)
        )

    def set_clock(self, name: str, ahead_s: int) -> None:
        """Let a relay's clock be so many seconds ahead of the machine's, from within a second on."""
        beside = self.relay_folder(name) / "clock.new"
        beside.write_text(f"{ahead_s:+d}\n", "ascii")
        beside.replace(self.relay_folder(name) / "clock")

    def start_relay(self, name: str) -> None:
        """See World."""
        clock = {
            "LD_PRELOAD": str(_faketime()),
            "FAKETIME_TIMESTAMP_FILE": str(self.relay_folder(name) / "clock"),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        config = self.relay_folder(name) / "relay.toml"
        words = ("relay", "run", "--config", str(config))
        self.processes.bedside(f"relay-{name}", *words, **clock)
        port = self.ports.relay(name)
        wait_for(f"relay {name}", lambda: _listens(port))

    def renew(self, name: str, *, ends_in_s: float = 90 * 86_400) -> None:
        """Give a relay another certificate over its key, and tell it to read it (SIGHUP)."""
        folder = self.relay_folder(name)
        key = load_key_file(folder / "key.pem")
        until_ms = int((time.time() + ends_in_s) * 1000)
        issued = open_authority(self.folder / "console").issue_relay(
            key.public_key(),
            RelayName(name),
            server_name=self.relay_address(name).server_name,
            now_ms=until_ms - 90 * 86_400_000,
        )
        (folder / "certificate.pem").write_text(issued.pem, "ascii")
        reloaded = len(self.said(name, "reloaded"))
        os.kill(self.processes.pid(f"relay-{name}"), signal.SIGHUP)
        self.says(name, "reloaded", reloaded)

    def dial(self, name: str) -> None:
        """Shake hands with a relay as a device does; raises ssl.SSLError."""
        with TemporaryDirectory() as folder:
            authority = open_authority(self.folder / "console")
            now_ms = time.time_ns() // 1_000_000
            device = Identity(authority, DeviceId("SIM-9"), folder=Path(folder), now_ms=now_ms)
            relay = self.relay_address(name)
            with (
                socket.create_connection((relay.host, relay.ports[0]), 10) as line,
                device.context().wrap_socket(line, server_hostname=relay.server_name),
            ):
                pass

    def console_says(self, words: str) -> bool:
        """Whether `bedside console status` says these words."""
        try:
            return words in self.console("status")
        except WorldError as error:  # something needs a person
            return words in str(error)

    def said(self, name: str, event: str) -> list[Mapping[str, Any]]:
        """Return what a relay has logged of an event, oldest first."""
        lines = (self.folder / "logs" / f"relay-{name}.log").read_text("utf-8").splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        return [each for each in told if each["event"] == event]

    def says(self, name: str, event: str, before: int) -> None:
        """Wait until a relay has logged an event once more than `before` times."""
        wait_for(f"{event} of relay {name}", lambda: len(self.said(name, event)) > before)

    def close(self) -> None:
        """See World; nobody waits for a drain."""
        for name in ("relay-a", "relay-b"):
            if name in self.processes.names():
                self.processes.kill(name)
        super().close()
        for name in ("a", "b"):
            self.cables[name].close()
            self.disks[name].close()


def _faketime() -> Path:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        raise RuntimeError("no libfaketime here: make system")
    return found[0]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
