"""A pytest plugin: a test may connect to this machine and to nothing else."""

import ipaddress
import socket
from typing import Any

import pytest

_real_connect = socket.socket.connect
_real_connect_ex = socket.socket.connect_ex
_real_sendto = socket.socket.sendto


class NetworkRefusedError(Exception):
    """A test reached for an address that is not on this machine."""


def check_loopback(family: int, address: Any) -> None:
    """Refuse an internet address beyond loopback; other families stay on the machine anyway."""
    if family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = str(address[0])
    if host == "localhost":
        return
    try:
        on_this_machine = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        on_this_machine = False
    if not on_this_machine:
        message = f"a test may reach this machine only, not {host}"
        raise NetworkRefusedError(message)


def _connect(self: socket.socket, address: Any) -> None:
    check_loopback(self.family, address)
    _real_connect(self, address)


def _connect_ex(self: socket.socket, address: Any) -> int:
    check_loopback(self.family, address)
    return _real_connect_ex(self, address)


def _sendto(self: socket.socket, data: bytes, *flags_and_address: Any) -> int:
    check_loopback(self.family, flags_and_address[-1])
    return _real_sendto(self, data, *flags_and_address)


def pytest_configure(config: pytest.Config) -> None:
    """Close the network for the whole run."""
    del config
    socket.socket.connect = _connect  # type: ignore[method-assign,assignment]
    socket.socket.connect_ex = _connect_ex  # type: ignore[method-assign,assignment]
    socket.socket.sendto = _sendto  # type: ignore[method-assign,assignment]
