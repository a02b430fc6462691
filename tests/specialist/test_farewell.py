"""What a proxy says last, packet by packet; `test_proxy` has the real OpenSSH print it."""

import os
import socket

import pytest

from bedside.specialist.farewell import disconnect, say_farewell


@pytest.mark.parametrize("length", range(20))
def test_it_is_a_version_line_and_one_whole_disconnect(length: int) -> None:
    line, packet = disconnect("x" * length).split(b"\r\n", 1)

    assert line == b"SSH-2.0-Bedside"
    assert int.from_bytes(packet[:4], "big") == len(packet) - 4
    assert len(packet) % 8 == 0
    assert 4 <= packet[4] < 16
    payload = packet[5 : len(packet) - packet[4]]
    assert payload == b"\x01" + bytes([0, 0, 0, 11, 0, 0, 0, length]) + b"x" * length + bytes(4)


def test_openssh_writes_accents_as_numbers_so_there_are_none() -> None:
    assert b"l'appareil a refuse" in disconnect("l’appareil a refusé")


def test_it_stays_until_ssh_has_gone() -> None:
    ours, ssh = socket.socketpair()
    ssh.sendall(b"SSH-2.0-OpenSSH\r\n")
    ssh.shutdown(socket.SHUT_WR)

    say_farewell("over", source=ours.fileno(), sink=ours.fileno())

    assert ssh.recv(4096) == disconnect("over")
    ssh.close()
    say_farewell("to nobody", source=ours.fileno(), sink=ours.fileno())
    ours.close()
    read, write = os.pipe()
    os.close(read)
    say_farewell("to nobody", source=read, sink=write)
    os.close(write)
