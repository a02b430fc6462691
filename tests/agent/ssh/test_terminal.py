"""A terminal has the size and the modes that the client asked for, and follows its window."""

import asyncio
import os
import socket
import termios

import asyncssh
import pytest

from bedside.agent.ssh.terminal import Terminal
from tests.agent.ssh.kit import client_options, device


def opened(modes: dict[int, int]) -> tuple[Terminal, list]:
    terminal = Terminal("xterm", (133, 41, 0, 0), modes)
    master, slave = terminal.open()
    try:
        assert os.get_terminal_size(slave) == (133, 41)
        terminal.resize((80, 24, 0, 0))
        assert os.get_terminal_size(slave) == (80, 24)
        terminal.resize((2**32 - 1, -1, 0, 0))
        assert os.get_terminal_size(slave) == (4096, 0)
        return terminal, termios.tcgetattr(slave)
    finally:
        terminal.closed()
        terminal.resize((1, 1, 0, 0))
        for fd in (master, slave):
            os.close(fd)


def test_modes_are_set_and_cleared():
    _, cleared = opened({53: 0, 51: 0, 36: 0, 70: 0, 1: 7, 3: 255})
    assert not cleared[3] & (termios.ECHO | termios.ICANON)
    assert not cleared[0] & termios.ICRNL
    assert not cleared[1] & termios.OPOST
    assert cleared[6][termios.VINTR] in {b"\7", 7}
    _, set_again = opened({53: 1, 51: 1, 36: 1, 70: 1})
    assert set_again[3] & termios.ECHO
    assert set_again[0] & termios.ICRNL


def test_what_it_does_not_know_changes_nothing():
    _, plain = opened({})
    _, odd = opened({129: 115200, 99: 1, 200: 3, 1: 70000})
    assert odd == plain


def test_an_odd_kind_of_terminal_is_a_dumb_one():
    assert Terminal("xterm-256color", (1, 1, 0, 0), {}).kind == "xterm-256color"
    for kind in ("x\nLD_PRELOAD=1", "x" * 64, "é"):
        assert Terminal(kind, (1, 1, 0, 0), {}).kind == "dumb"


@pytest.mark.asyncio
async def test_the_program_hears_of_a_new_window_size_and_of_signals(tmp_path):
    async with device(tmp_path) as play:
        line = socket.socket(socket.AF_UNIX)
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, str(play.socket))
        conn = await asyncssh.run_client(line, options=client_options(play))
        process = await conn.create_process(
            "trap 'stty size' WINCH; trap 'echo usr1; exit 3' USR1; stty size; while :; do sleep 0.05; done",
            term_type="xterm",
            term_size=(100, 30),
        )
        assert await process.stdout.readline() == "30 100\r\n"
        process.change_terminal_size(90, 20)
        assert await process.stdout.readline() == "20 90\r\n"
        process.send_signal("USR1")
        assert "usr1\r\n" in await process.stdout.read()  # its `sleep` dies of it, aloud
        assert (await process.wait()).exit_status == 3
        conn.close()
        await conn.wait_closed()
