"""A user for the demonstration's sessions: had where it can be, and enough for service."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from bedside.demo.device import InjectorDevice
from bedside.demo.session_user import can_run, new_session_user

ROOT = os.geteuid() == 0
PROFILE = Path(__file__).parents[2] / "src/bedside/demo/profiles/contrast-injector.toml"


@pytest.fixture
def folder():
    """A folder that another user may walk through."""
    path = Path(tempfile.mkdtemp(prefix="bedside-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_numbers_are_not_the_same_twice():
    assert new_session_user() != new_session_user()
    assert new_session_user() >= 2_000_000_000


def test_a_user_is_had_by_root_where_the_program_is_open(folder):
    program = folder / "program"
    shutil.copy("/bin/true", program)
    assert can_run([str(program)], new_session_user()) is ROOT
    assert not can_run(["/bin/false"], new_session_user())
    assert not can_run([str(folder / "none")], new_session_user())
    folder.chmod(0o700)
    assert not can_run([str(program)], new_session_user())


def test_the_configuration_names_it_as_long_as_it_can_be_had(folder):
    device = InjectorDevice(folder, diagnostics_port=1)
    had = device.prepare(PROFILE)
    first = device.config.read_text()
    assert had is ("session_user" in first)
    assert had is (folder / "session-user").exists()
    device.prepare(PROFILE)
    assert device.config.read_text() == first
    folder.chmod(0o700)
    assert not device.prepare(PROFILE)
    assert "session_user" not in device.config.read_text()


def test_service_changes_the_injector_and_the_inbox_is_read(folder):
    device = InjectorDevice(folder, diagnostics_port=1)
    device.prepare(PROFILE)
    user = new_session_user() if ROOT else os.getegid()
    device.share_with(user)
    (device.inbox / "fix").write_text("the fix")
    (device.inbox / "fix").chmod(0o640)
    script = (
        f"umask 077; cd {device.state}; echo '2026 SERVICE' >> service.log;"
        "cat state.json > .state.1; mv .state.1 state.json; : >> .lock; cat ../inbox/fix"
    )
    who = {"user": user, "group": user, "extra_groups": []} if ROOT else {}
    done = subprocess.run(["/bin/sh", "-ec", script], capture_output=True, check=False, **who)
    assert (done.stdout, done.stderr) == (b"the fix", b"")
    device.store.change(lambda injector: injector)
    assert device.store.service_log.read_text().endswith("2026 SERVICE\n")
    write = ["/bin/sh", "-c", f"echo more >> {device.inbox}/fix"]
    changed = subprocess.run(write, capture_output=True, check=False, **who).returncode == 0
    assert changed is not ROOT
