"""What asyncssh does not promise, pinned: its version, its private parts, and our shorter way."""

import ast
import asyncio
import contextlib
import importlib.metadata
import os
import socket
import tempfile
from pathlib import Path

import asyncssh
import pytest
from asyncssh.crypto.cipher import GCMCipher
from asyncssh.encryption import GCMEncryption
from asyncssh.misc import MACError
from hypothesis import given, settings
from hypothesis import strategies as st

import bedside
from bedside.agent.ssh import internals
from bedside.agent.ssh.internals.packets import PacketCipher
from tests.agent.ssh.kit import client_options, device

PACKAGE = Path(bedside.__file__).parent
HERE = PACKAGE / "agent/ssh/internals"


def test_the_installed_asyncssh_is_the_one_whose_internals_these_are():
    assert importlib.metadata.version("asyncssh") == internals.ASYNCSSH_VERSION
    lock = (PACKAGE.parent.parent / "requirements/agent.lock").read_text()
    assert f"asyncssh=={internals.ASYNCSSH_VERSION}" in lock


def private_uses(path: Path) -> list[str]:
    """Return what a file imports from asyncssh's modules, or from its private names."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("asyncssh"):
            found.append(f"{path.name}: from {node.module}")
        elif isinstance(node, ast.Import):
            found += [
                f"{path.name}: {a.name}" for a in node.names if a.name.startswith("asyncssh.")
            ]
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            base = node.value
            if isinstance(base, ast.Name) and base.id == "asyncssh":
                found.append(f"{path.name}: asyncssh.{node.attr}")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            inner = node.value
            if isinstance(inner.value, ast.Name) and inner.value.id == "asyncssh":
                found.append(f"{path.name}: asyncssh.{inner.attr}.{node.attr}")
    return found


def test_no_other_module_reaches_into_asyncssh():
    others = [path for path in PACKAGE.rglob("*.py") if HERE not in path.parents]
    assert [use for path in others for use in private_uses(path)] == []
    assert private_uses(HERE / "packets.py")


@pytest.fixture
def pair():
    """The same key in asyncssh's cipher and in ours."""
    key, iv = os.urandom(16), b"fix." + b"\xff" * 7 + b"\xfe"  # its counter is about to wrap
    theirs = [GCMEncryption(GCMCipher("aes128-gcm", key, iv)) for _ in range(3)]
    return theirs[0], PacketCipher(theirs[1]), PacketCipher(theirs[2])


def test_our_cipher_seals_and_opens_as_asyncssh_s_does(pair):
    theirs, ours, opener = pair
    for number in range(5):
        header, plain = (32).to_bytes(4, "big"), os.urandom(32)
        sealed = theirs.encrypt_packet(number, header, plain)
        assert ours.encrypt_packet(number, header, plain) == sealed
        whole = memoryview(sealed[0] + sealed[1])
        assert opener.open(whole[:4], whole[4:]) == plain


def test_a_packet_that_was_changed_is_never_opened(pair):
    _theirs, ours, opener = pair
    header = (32).to_bytes(4, "big")
    sealed = bytearray(ours.seal(header, bytes(32)))
    sealed[7] ^= 1
    with pytest.raises(MACError):
        opener.open(memoryview(header), memoryview(sealed))


def test_what_was_put_back_is_returned_once(pair):
    _theirs, ours, opener = pair
    header = (32).to_bytes(4, "big")
    sealed = ours.seal(header, bytes(32))
    opener.put_back(b"before")
    assert opener.decrypt_packet(0, header, sealed[:-16], 4, sealed[-16:]) == b"before"
    assert opener.decrypt_packet(0, header, sealed[:-16], 4, sealed[-16:]) == bytes(32)


@pytest.mark.asyncio
async def test_new_keys_in_the_middle_of_data_lose_nothing(tmp_path):
    data = os.urandom(8_000_000)
    async with device(tmp_path) as play:
        for limit in ("512K", "1M"):
            rekey = ("-o", f"RekeyLimit={limit}")
            result = await play.run("ssh", *rekey, "device", "cat", stdin=data)
            assert result.out == data
        (tmp_path / "events.log").write_bytes(data)
        assert (
            await play.run("scp", "-o", "RekeyLimit=512K", "device:items/events.log", "copy")
        ).status == 0
        assert (tmp_path / "copy").read_bytes() == data


@pytest.mark.asyncio
async def test_every_cipher_that_is_offered_works(tmp_path):
    async with device(tmp_path) as play:
        play.endpoint._ciphers = (*play.endpoint._ciphers, "chacha20-poly1305@openssh.com")
        play.endpoint._options = play.endpoint._make_options()
        for cipher in play.endpoint._ciphers:
            choice = ("-o", f"Ciphers={cipher}")
            result = await play.run("ssh", *choice, "device", "cat", stdin=bytes(3_000_000))
            assert len(result.out) == 3_000_000, cipher
        result = await play.run("ssh", "-o", "Ciphers=aes128-ctr", "device", "true")
        assert "no matching cipher" in result.err


@pytest.mark.asyncio
async def test_a_packet_changed_on_the_way_costs_the_connection(tmp_path):
    async with device(tmp_path) as play:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        line = socket.socket(socket.AF_UNIX)
        changing = asyncio.Event()

        async def carry(source, target):
            with contextlib.suppress(OSError):
                while data := await loop.sock_recv(source, 65536):
                    if changing.is_set() and source is far:
                        data = data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
                    await loop.sock_sendall(target, data)
                target.shutdown(socket.SHUT_WR)

        with far, line:
            far.setblocking(False)
            line.setblocking(False)
            await loop.sock_connect(line, str(play.socket))
            tasks = [loop.create_task(carry(far, line)), loop.create_task(carry(line, far))]
            conn = await asyncssh.run_client(near, options=client_options(play))
            process = await conn.create_process("cat", encoding=None)
            process.stdin.write(b"whole")
            assert await process.stdout.read(5) == b"whole"
            changing.set()
            process.stdin.write(b"changed")
            with pytest.raises(asyncssh.DisconnectError, match="MAC"):
                await process.stdout.read(7)
            await conn.wait_closed()
            await asyncio.gather(*tasks)


@pytest.mark.asyncio
async def test_what_was_received_before_the_handover_is_not_lost(tmp_path):
    """The client's first bytes may come with the end of the HTTP answer."""
    async with device(tmp_path) as play:
        near, far = socket.socketpair()
        far.setblocking(False)
        loop = asyncio.get_running_loop()

        async def connect() -> asyncssh.SSHClientConnection:
            return await asyncssh.run_client(near, options=client_options(play))

        connecting = loop.create_task(connect())
        first = await loop.sock_recv(far, 10)
        transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, far)
        play.endpoint.serve(transport, first)
        conn = await connecting
        assert (await conn.run("echo here")).stdout == "here\n"
        conn.close()
        await conn.wait_closed()


@pytest.mark.asyncio
async def test_over_tls_as_in_the_tunnel(tmp_path):
    data = os.urandom(5_000_000)
    async with device(tmp_path, tls=True) as play:
        result = await play.run("ssh", "device", "cat", stdin=data)
        assert result.out == data
        (tmp_path / "big").write_bytes(data)
        assert (await play.run("scp", "big", "device:inbox/")).status == 0
        assert (tmp_path / "inbox/big").read_bytes() == data
        await play.endpoint.end()


@pytest.mark.asyncio
async def test_an_unknown_channel_type_is_refused_and_journalled(tmp_path):
    async with device(tmp_path) as play:
        near = socket.socket(socket.AF_UNIX)
        near.setblocking(False)
        await asyncio.get_running_loop().sock_connect(near, str(play.socket))
        conn = await asyncssh.run_client(near, options=client_options(play))
        with pytest.raises(asyncssh.ChannelOpenError, match="never granted"):
            await conn.open_tun(0)
        chan = asyncssh.channel.SSHTCPChannel(
            conn, asyncio.get_running_loop(), None, "strict", 1, 1
        )
        with pytest.raises(asyncssh.ChannelOpenError, match="never granted"):
            await chan._open(b"backdoor@example.org")
        assert [entry.detail.get("channel") for entry in play.hooks.entries[-2:]] == [
            "tun",
            "other",
        ]
        conn.abort()


@settings(max_examples=15, deadline=None)
@given(st.binary(min_size=1, max_size=200))
def test_any_first_bytes_cost_at_most_their_connection(data):
    async def offer() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with device(Path(folder)) as play:
                near, far = socket.socketpair()
                transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                    asyncio.Protocol, far
                )
                visit = play.endpoint.serve(transport, data)
                near.close()
                await asyncio.wait_for(visit.closed(), 60)

    asyncio.run(offer())
