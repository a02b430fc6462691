"""scp and sftp of OpenSSH against the vault: named items out, files into the inbox, nothing else."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from bedside.vocabulary import Gate, JournalAction, Mode, Outcome, SiteAction
from tests.agent.ssh.kit import Device, device
from tests.agent.ssh.test_authentication import until

pytestmark = pytest.mark.asyncio

SENT = JournalAction.SESSION_FILE_SENT
RECEIVED = JournalAction.SESSION_FILE_RECEIVED
REFUSED = JournalAction.SESSION_FILE_REFUSED


def file_entries(play: Device):
    return [e for e in play.hooks.entries if e.action in {SENT, RECEIVED, REFUSED}]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def batch(play: Device, *lines: str):
    """What a person types into sftp; batch mode would not let it ask."""
    text = "".join(f"{line}\n" for line in lines)
    return await play.run("sftp", "-o", "BatchMode=no", "-b", "-", "device", stdin=text.encode())


def digest(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def test_scp_brings_a_named_item_and_the_journal_has_its_digest(tmp_path):
    async with device(tmp_path) as play:
        result = await play.run("scp", "device:items/events.log", str(tmp_path / "copy"))
        assert (result.status, result.err) == (0, "")
        assert (tmp_path / "copy").read_bytes() == (tmp_path / "events.log").read_bytes()
        [entry] = file_entries(play)
        assert (entry.action, entry.outcome) == (SENT, Outcome.SUCCESS)
        assert entry.detail == {
            "file": "events.log",
            "bytes": 19000,
            "sha256": digest(tmp_path / "events.log"),
        }
        assert "/items/events.log" in play.hooks.activities
        assert play.hooks.changes == []


async def test_scp_sends_a_file_into_the_inbox(tmp_path):
    (tmp_path / "fix.bin").write_bytes(os.urandom(3_000_001))
    async with device(tmp_path) as play:
        for target in ("device:inbox/", "device:/inbox/other.bin"):
            result = await play.run("scp", "-p", str(tmp_path / "fix.bin"), target)
            assert (result.status, result.err) == (0, "")
        assert names(tmp_path / "inbox") == ["fix.bin", "other.bin"]
        assert play.hooks.changes == ["/inbox/fix.bin", "/inbox/other.bin"]
        assert digest(tmp_path / "inbox/fix.bin") == digest(tmp_path / "fix.bin")
        assert [(e.action, e.detail["file"]) for e in file_entries(play)] == [
            (RECEIVED, "fix.bin"),
            (RECEIVED, "other.bin"),
        ]
        assert file_entries(play)[0].detail["sha256"] == digest(tmp_path / "fix.bin")
        assert (tmp_path / "inbox/fix.bin").stat().st_mode & 0o777 == 0o640


async def test_in_view_items_are_read_and_the_inbox_is_closed(tmp_path):
    async with device(tmp_path, mode=Mode.VIEW) as play:
        assert (await play.run("scp", "device:items/events.log", "copy")).status == 0
        result = await play.run("scp", "events.log", "device:inbox/x")
        assert result.status == 1
        assert "in observation the inbox is closed" in result.err
        assert names(tmp_path / "inbox") == []
        assert file_entries(play)[-1].gate is Gate.VIEW_ONLY


IN, OUT = SiteAction.FILES_IN, SiteAction.FILES_OUT


@pytest.mark.parametrize("covered", [IN, OUT])
async def test_files_go_only_where_the_order_covers_it(tmp_path, covered):
    (tmp_path / "fix.bin").write_bytes(b"fix")
    async with device(tmp_path, actions=frozenset({covered})) as play:
        sent = await play.run("scp", str(tmp_path / "fix.bin"), "device:inbox/")
        got = await play.run("scp", "device:items/events.log", str(tmp_path / "copy"))
        refused = {IN: got, OUT: sent}[covered]
        assert (sent.status == 0, got.status == 0) == (covered is IN, covered is OUT)
        assert "are not part of this session" in refused.err
        assert names(tmp_path / "inbox") == (["fix.bin"] if covered is IN else [])
        assert (tmp_path / "copy").exists() is (covered is OUT)
        [gate] = {entry.gate for entry in file_entries(play) if entry.action is REFUSED}
        assert gate is Gate.SITE_POLICY


PATHS = [
    "/etc/passwd",
    "items/../../etc/passwd",
    "../../../../etc/passwd",
    "items/none.log",
    "inbox/here",
    "items/events.log/../../../etc/passwd",
]


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_but_a_named_item_leaves(tmp_path, path):
    async with device(tmp_path) as play:
        (tmp_path / "inbox/here").write_text("from before")
        result = await play.run("sftp", "device:" + path, "stolen")
        assert result.status != 0
        assert not (tmp_path / "stolen").exists()


async def test_an_item_that_became_a_link_does_not_leave(tmp_path):
    async with device(tmp_path) as play:
        result = await play.run("scp", "device:items/link", "stolen")
        assert result.status != 0
        await batch(play, "-get items/link stolen")
        assert not (tmp_path / "stolen").exists()


async def test_nothing_is_written_outside_the_inbox(tmp_path):
    async with device(tmp_path) as play:
        for target in ("items/events.log", "/etc/new", "inbox/../new", "new", "inbox/.hidden"):
            result = await play.run("scp", "events.log", f"device:{target}")
            assert result.status == 1, target
            assert "refused by the device" in result.err, target
        assert names(tmp_path / "inbox") == []
        assert {entry.outcome for entry in file_entries(play)} == {Outcome.REFUSED}
        assert {entry.gate for entry in file_entries(play)} == {Gate.DATA_ITEM, Gate.INBOX}


async def test_the_inbox_does_not_follow_a_link_of_the_same_name(tmp_path):
    (tmp_path / "victim").write_text("precious")
    async with device(tmp_path) as play:
        (tmp_path / "inbox/name").symlink_to(tmp_path / "victim")
        assert (await play.run("scp", "events.log", "device:inbox/name")).status == 0
        assert (tmp_path / "victim").read_text() == "precious"
        assert not (tmp_path / "inbox/name").is_symlink()


async def test_every_other_act_is_not_spoken(tmp_path):
    async with device(tmp_path) as play:
        (tmp_path / "inbox/here").write_text("x")
        for line in (
            "rm inbox/here", "rename inbox/here inbox/there", "ln -s /etc/passwd inbox/l",
            "ln inbox/here inbox/l", "mkdir inbox/d", "rmdir inbox", "df", "copy inbox/here inbox/l",
        ):  # fmt: skip
            result = await batch(play, line)
            assert result.status == 1, line
            assert "Connection closed" not in result.err
            if not line.startswith(("ln inbox", "df", "copy")):  # these OpenSSH does not even ask
                assert "Nothing is renamed or removed, and no folder is made" in result.err, line
                assert file_entries(play)[-1].detail["reason"] == "act"
                assert file_entries(play)[-1].gate is Gate.INBOX
        assert names(tmp_path / "inbox") == ["here"]


async def test_a_folder_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "fix").mkdir()
    (tmp_path / "fix/a").write_text("a")
    async with device(tmp_path) as play:
        for copied in (
            await play.run("scp", "-r", str(tmp_path / "fix"), "device:inbox/"),
            await batch(play, f"put -r {tmp_path}/fix inbox/"),
        ):
            assert copied.status != 0
            assert "pack a folder into one file" in copied.err
        assert names(tmp_path / "inbox") == []


async def test_a_path_outside_is_refused_aloud_and_journalled_once_a_channel(tmp_path):
    async with device(tmp_path) as play:
        for result in (
            await batch(play, "-ls /etc", "-get /etc/shadow stolen", "-cd /var", "get /etc/passwd stolen"),
            await play.run("scp", "device:/etc/passwd", str(tmp_path / "stolen")),
        ):  # fmt: skip
            assert result.status != 0
            assert result.err.count("only /items (named data items, to read) and /inbox") == 1
        assert not (tmp_path / "stolen").exists()
        entries = file_entries(play)
        assert [entry.detail["reason"] for entry in entries] == ["nowhere", "nowhere"]
        assert {entry.gate for entry in entries} == {Gate.DATA_ITEM}


async def test_sftp_lists_what_there_is(tmp_path):
    async with device(tmp_path) as play:
        result = await batch(play, "pwd", "ls", "ls -l items", "cd items", "ls")
        assert result.status == 0
        lines = result.out.decode().splitlines()
        assert "Remote working directory: /" in lines
        assert "inbox  " in lines or any(line.split() == ["inbox", "items"] for line in lines)
        assert any(line.startswith("-r--------") and line.endswith("events.log") for line in lines)
        assert not any("link" in line for line in lines)


async def test_a_file_that_was_cut_off_is_not_called_done(tmp_path):
    (tmp_path / "big").write_bytes(bytes(50_000_000))
    async with device(tmp_path) as play:
        process = await play.start("scp", "-l", "8000", "big", "device:inbox/")
        async with asyncio.timeout(60):
            while not names(tmp_path / "inbox"):  # noqa: ASYNC110 - another program writes it
                await asyncio.sleep(0.01)
        assert names(tmp_path / "inbox")[0].endswith(".part")
        await play.endpoint.end()
        await process.communicate()
        await until(lambda: not names(tmp_path / "inbox") and file_entries(play))
        [entry] = file_entries(play)
        assert (entry.action, entry.outcome) == (REFUSED, Outcome.FAILURE)
        assert entry.detail["reason"] == "cut off"


async def test_a_file_over_the_inbox_s_limit_is_refused_and_leaves_nothing(tmp_path):
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2_000_001)
    async with device(tmp_path, inbox_bytes=2_000_000) as play:
        result = await play.run("scp", "huge", "device:inbox/")
        assert result.status == 1
        assert "larger than the inbox allows" in result.err
        assert names(tmp_path / "inbox") == []
        assert file_entries(play)[0].gate is Gate.INBOX
        with (tmp_path / "huge").open("wb") as file:
            file.truncate(2_000_000)
        assert (await play.run("scp", "huge", "device:inbox/")).status == 0


async def test_an_item_over_its_limit_does_not_leave(tmp_path):
    async with device(tmp_path) as play:
        (tmp_path / "link").unlink()
        (tmp_path / "link").write_bytes(bytes(1001))
        result = await play.run("scp", "device:items/link", "copy")
        assert result.status == 1
        assert "larger than its limit" in result.err
        assert file_entries(play)[0].gate is Gate.DATA_ITEM
        (tmp_path / "link").write_bytes(bytes(1000))
        assert (await play.run("scp", "device:items/link", "copy")).status == 0


async def test_legacy_scp_and_rsync_are_commands(tmp_path):
    (tmp_path / "there").mkdir()
    async with device(tmp_path) as play:
        result = await play.run("scp", "-O", "events.log", f"device:{tmp_path}/there/a")
        assert result.status == 0, result.err
        rsync = ("-e", f"ssh -F {play.config()}", "events.log", f"device:{tmp_path}/there/b")
        process = await asyncio.create_subprocess_exec(
            "rsync", *rsync, env=play.environment(), cwd=tmp_path
        )
        assert await process.wait() == 0
        assert names(tmp_path / "there") == ["a", "b"]
    async with device(tmp_path, mode=Mode.VIEW) as play:
        result = await play.run("scp", "-O", "events.log", f"device:{tmp_path}/there/c")
        assert result.status != 0
        assert not (tmp_path / "there/c").exists()
