"""The network of the tests ends at loopback."""

import socket

import pytest

from tests.loopback import NetworkRefusedError


@pytest.mark.parametrize("address", [("192.0.2.1", 443), ("example.org", 443)])
def test_an_address_beyond_this_machine_is_refused(address):
    with socket.socket() as attempt, pytest.raises(NetworkRefusedError):
        attempt.connect(address)


def test_this_machine_answers():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as attempt:
        attempt.connect(server.getsockname())


def test_a_datagram_beyond_this_machine_is_refused():
    with socket.socket(type=socket.SOCK_DGRAM) as attempt, pytest.raises(NetworkRefusedError):
        attempt.sendto(b"hello", ("192.0.2.1", 53))


def test_a_datagram_to_this_machine_arrives():
    with (
        socket.socket(type=socket.SOCK_DGRAM) as receiver,
        socket.socket(type=socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        sender.sendto(b"hello", receiver.getsockname())
        assert receiver.recv(16) == b"hello"
