"""The support credential, its count of wrong answers and its lock (S16)."""

import asyncio
import json

import pytest

from bedside.agent.credential import LOCK_AFTER, SupportCredential

NOW = 1_800_000_000_000
pytestmark = pytest.mark.asyncio


@pytest.fixture
def credential(tmp_path):
    made = SupportCredential(tmp_path / "support.json")
    made.set("correct horse")
    return made


async def test_right_and_wrong(credential):
    assert credential.is_ready(NOW)
    assert await credential.check("correct horse", NOW)
    assert not await credential.check("correct hors", NOW)


async def test_no_credential_opens_nothing(tmp_path):
    none = SupportCredential(tmp_path / "support.json")
    assert not none.is_ready(NOW)
    assert not await none.check("", NOW)


async def test_a_short_one_is_refused(tmp_path):
    with pytest.raises(ValueError):
        SupportCredential(tmp_path / "support.json").set("short")


async def test_it_locks_and_the_right_answer_waits_too(credential):
    for _ in range(LOCK_AFTER):
        assert credential.is_ready(NOW)
        assert not await credential.check("wrong", NOW)
    assert not credential.is_ready(NOW)
    assert not await credential.check("correct horse", NOW)
    later = NOW + 15 * 60_000
    assert credential.is_ready(later)
    assert not await credential.check("wrong", later)
    assert not credential.is_ready(later + 29 * 60_000)
    assert await credential.check("correct horse", later + 30 * 60_000)
    assert not await credential.check("wrong", NOW)  # it waited until the count was cleared
    assert credential.is_ready(NOW)


async def test_a_try_is_counted_before_it_is_checked(credential, tmp_path):
    """Whoever pulls the plug while the answer is checked has used a try."""
    checking = credential.check("wrong", NOW)
    running = asyncio.get_running_loop().create_task(checking)
    await asyncio.sleep(0)
    assert json.loads((tmp_path / "support.json").read_bytes())["wrong"] == 1
    await running


async def test_the_file_holds_no_secret(credential, tmp_path):
    path = tmp_path / "support.json"
    assert b"horse" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
