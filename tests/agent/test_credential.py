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


async def test_a_try_is_counted_before_anybody_learns_what_it_was(credential, tmp_path):
    """Whoever pulls the plug while the answer is checked has used a try."""
    assert not await credential.check("wrong", NOW)
    assert json.loads((tmp_path / "support.json").read_bytes())["wrong"] == 1


async def test_a_try_that_cannot_be_counted_tells_nothing(credential, tmp_path):
    # The draft beside a file with the longest of names has too long a name.
    path = tmp_path / ("s" * 255)
    path.write_bytes((tmp_path / "support.json").read_bytes())
    for secret in ("correct horse", "wrong"):
        with pytest.raises(OSError):
            await SupportCredential(path).check(secret, NOW)


async def test_who_is_cut_off_while_the_answer_is_checked_has_used_a_try(credential, tmp_path):
    checking = asyncio.get_running_loop().create_task(credential.check("wrong", NOW))
    await asyncio.sleep(0)
    checking.cancel()
    assert not await credential.check("wrong", NOW)
    assert json.loads((tmp_path / "support.json").read_bytes())["wrong"] == 2


async def test_making_it_quick_counts_nothing_and_needs_no_credential(credential, tmp_path):
    before = (tmp_path / "support.json").read_bytes()
    await credential.warm()
    await SupportCredential(tmp_path / "none.json").warm()
    assert (tmp_path / "support.json").read_bytes() == before
    assert await credential.check("correct horse", NOW)


async def test_the_file_holds_no_secret(credential, tmp_path):
    path = tmp_path / "support.json"
    assert b"horse" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
