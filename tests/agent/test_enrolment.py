"""Enrolment and renewal against a real relay and the manufacturer's real keys (S60)."""

import json

import pytest

from bedside.agent.enrolment import EnrolmentError, open_bundle
from bedside.pki.signing import public_key_pem
from tests.agent.world import wall_ms, world

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]


async def test_a_code_is_good_once(tmp_path):
    async with world(tmp_path, enrolled=False) as play:
        assert (await play.command("run"))[0] != 0
        status, out = await play.enrol()
        assert status == 0, out
        keys = play.config.identity_dir / "current"
        assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}
        assert (await play.enrol())[0] == 4
        # The same bundle and code on another machine.
        for path in sorted(play.config.identity_dir.rglob("*"), reverse=True):
            path.unlink() if path.is_symlink() or path.is_file() else path.rmdir()
        status, out = await play.enrol()
        assert status == 4
        refused = play.journal()[-1]
        assert (refused["action"], refused["gate"]) == (
            "device:enrolment:refused",
            "enrolment_code",
        )
        assert not (play.config.identity_dir / "trust.json").exists()


async def test_a_bundle_of_somebody_else_is_refused(tmp_path):
    async with world(tmp_path, enrolled=False) as play:
        key = public_key_pem(play.maker.store.public_key("manufacturer"))
        other = public_key_pem(play.maker.store.public_key("order"))
        assert open_bundle(play.bundle(), key, wall_ms()).device == "CI-20417"
        with pytest.raises(EnrolmentError, match="not the manufacturer's"):
            open_bundle(play.bundle(), other, wall_ms())
        with pytest.raises(EnrolmentError, match="not the manufacturer's"):
            open_bundle(play.bundle()[:-9] + b'AAAA"}]}', key, wall_ms())
        old = play.bundle(issued_ms=1, expires_ms=2)
        with pytest.raises(EnrolmentError, match="expired"):
            open_bundle(old, key, wall_ms())


async def test_a_copied_disk_is_refused_on_another_machine(tmp_path):
    async with world(tmp_path, running=False) as play:
        (play.state / "machine-id").write_text("another machine")
        play.start_agent()
        await play.configure()
        await play.wait_for_entry("device:clone:detected")
        operator = await play.operator()
        assert operator.status.fault == "instance"
        order = await play.ask()
        entry = await play.wait_for_entry("session:life:ended", session=order.session)
        assert (entry["detail"]["ending"], entry["gate"]) == ("refused", "instance")
        operator.leave()


async def test_a_certificate_renews_itself_at_two_thirds_of_its_life(tmp_path):
    async with world(tmp_path, running=False) as play:
        about = play.config.identity_dir / "current" / "about.json"
        told = json.loads(about.read_text())
        day = 86_400_000
        told |= {"not_before_ms": wall_ms() - 70 * day, "not_after_ms": wall_ms() + 20 * day}
        about.write_text(json.dumps(told))
        before = (play.config.identity_dir / "current").resolve()
        old_key = play.identity_key
        play.start_agent()
        await play.configure()
        await play.wait_until(lambda: play.identity_key is not old_key)
        await play.wait_for_entry("device:certificate:renewed")
        after = (play.config.identity_dir / "current").resolve()
        assert after != before
        assert (after / "sealing.pem").read_bytes() == (before / "sealing.pem").read_bytes()
        assert not (play.config.identity_dir / "next").exists()
        # What comes next is signed with the new key, and still opens what was sealed before.
        operator = await play.operator()
        order = await play.ask()
        await play.wait_until(lambda: operator.status.request)
        await play.wait_for_entry("session:consent:asked", session=order.session)
        operator.leave()
