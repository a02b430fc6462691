"""The endpoint's own limits, and what a scanner says of it."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from bedside.agent.ssh.grant import SessionLimits
from bedside.agent.ssh.server import KEY_EXCHANGE, encryption
from tests.agent.ssh.kit import Device, device
from tests.agent.ssh.test_authentication import until

ROOT = Path(__file__).parents[3]
AUDIT = ROOT / ".venv-scan/bin/ssh-audit"
EXPLAINED = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \|", re.MULTILINE)


def test_chacha_is_offered_only_where_the_processor_does_not_know_aes():
    assert encryption("flags\t\t: fpu aes sse\n")[0] == "aes128-gcm@openssh.com"
    assert "chacha20-poly1305@openssh.com" not in encryption("Features : fp asimd aes pmull\n")
    assert encryption("flags : fpu aesni\n")[0] == "chacha20-poly1305@openssh.com"
    assert encryption("")[1] == "aes128-gcm@openssh.com"


def test_no_algorithm_rests_on_sha1():
    assert not [name for name in KEY_EXCHANGE if name.endswith("sha1")]


@pytest.mark.asyncio
async def test_a_client_that_does_not_authenticate_is_cut_off(tmp_path):
    async with device(tmp_path, limits=SessionLimits(login_seconds=0.3)) as play:
        reader, writer = await asyncio.open_unix_connection(play.socket)
        assert await reader.readline() == b"SSH-2.0-Bedside\r\n"
        assert await asyncio.wait_for(reader.read(), 60) == b""
        writer.close()


@pytest.mark.asyncio
async def test_a_session_has_a_number_of_connections(tmp_path):
    async with device(tmp_path, limits=SessionLimits(connections=2)) as play:
        lines = [await asyncio.open_unix_connection(play.socket) for _ in range(3)]
        answers = [await asyncio.wait_for(reader.readline(), 60) for reader, _ in lines]
        assert sorted(answers) == [b"", b"SSH-2.0-Bedside\r\n", b"SSH-2.0-Bedside\r\n"]
        for _, writer in lines:
            writer.close()
        await until(lambda: not play.endpoint._visits)
        assert (await play.run("ssh", "device", "true")).status == 0


@pytest.mark.asyncio
async def test_a_connection_has_a_number_of_channels(tmp_path):
    async with device(tmp_path, limits=SessionLimits(channels=2)) as play:
        master = ("-o", f"ControlPath={tmp_path}/c", "-o", "ControlMaster=auto")
        keeper = await play.start("ssh", *master, "device", "sleep 60")
        await until((tmp_path / "c").exists)
        assert (await play.run("ssh", *master, "device", "echo two")).out == b"two\n"
        second = await play.start("ssh", *master, "device", "sleep 60")
        await until(lambda: "sleep 60" in play.hooks.activities[-1:])
        result = await play.run("ssh", *master, "device", "echo three")
        assert "Session open refused by peer" in result.err
        keeper.kill()
        for process in (second, keeper):
            await process.communicate()


@pytest.mark.asyncio
async def test_the_bytes_of_both_ways_are_counted_and_keepalives_are_not(tmp_path):
    async with device(tmp_path) as play:
        await play.run("ssh", "device", "cat", stdin=bytes(1000))
        activity = play.endpoint.activity
        assert (activity.sent, activity.received) == (1000, 1000)
        assert play.hooks.byte_count == 2000
        alive = ("-o", "ServerAliveInterval=1")
        keeper = await play.start("ssh", *alive, "device", "sleep 60")
        await until(lambda: play.hooks.live == 2)
        await asyncio.sleep(0.1)
        before = activity.last_byte
        await asyncio.sleep(1.5)
        assert activity.last_byte == before
        keeper.kill()
        await keeper.communicate()


@pytest.mark.asyncio
async def test_ssh_audit_finds_nothing_that_is_not_explained(tmp_path):
    """The real scanner, through a bridge that only this test has: the endpoint has no port."""
    explained = set(EXPLAINED.findall((ROOT / "docs/security/ssh.md").read_text()))
    assert explained
    async with device(tmp_path) as play:
        found = {
            (algorithm, sentence)
            for kind in ("kex", "key", "enc", "mac")
            for entry in (await audit(play))[kind]
            for level in ("fail", "warn")
            for algorithm, sentence in [
                (entry["algorithm"], sentence) for sentence in entry["notes"].get(level, [])
            ]
        }
    assert found == explained


async def audit(play: Device) -> dict:
    """Return what ssh-audit says."""
    tasks: set[asyncio.Task] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: TID251
        there_reader, there_writer = await asyncio.open_unix_connection(play.socket)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:  # noqa: TID251
            while data := await source.read(65536):
                target.write(data)
            target.close()

        both = [copy(reader, there_writer), copy(there_reader, writer)]
        tasks.update(map(asyncio.ensure_future, both))  # noqa: TID251 - gathered below

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        AUDIT, "-j", "--skip-rate-test", "-p", str(port), "127.0.0.1",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    server.close()
    await asyncio.gather(*tasks, return_exceptions=True)
    return json.loads(out)
