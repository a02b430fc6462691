"""What the worker gave up, read from the kernel while it works."""

import os
import pwd
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.agent.reach import for_any_user
from tests.agent.test_session_life import let_in, workers
from tests.agent.world import world

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]


def status_of(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def another_user() -> str:
    """Whom the worker can become: `nobody`, where that user can run this Python at all."""
    return "nobody" if for_any_user() is not None else pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def folder():
    """A folder that another user may walk through."""
    path = Path(tempfile.mkdtemp(prefix="bedside-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


async def test_the_worker_becomes_its_user_and_cannot_come_back(folder):
    user = another_user()
    wanted = pwd.getpwnam(user)
    async with world(folder, enrolled=False) as play:
        play.before_agent = for_any_user() or ()
        play.config_file.write_text(f'{play.config_file.read_text()}worker_user = "{user}"\n')
        play.config.profile.chmod(0o600)
        if wanted.pw_uid != os.geteuid():
            for word in (play.enrol(), play.command("check")):
                status, out = await word
                assert (status, "Traceback" in out) == (2, False)
                assert f"{user} (worker_user) cannot read {play.config.profile}" in out
        play.config.profile.chmod(0o644)
        assert (await play.enrol())[0] == 0
        await play.set_credential()
        play.start_agent()
        await play.configure()
        await play.wait_for_entry("configuration:document:applied")
        operator = await play.operator()
        _order, specialist = await let_in(play, operator)
        (worker,) = workers(play)
        told = status_of(worker)
        assert set(told["Uid"]) == {str(wanted.pw_uid)}
        assert set(told["Gid"]) == {str(wanted.pw_gid)}
        assert told["NoNewPrivs"] == ["1"]
        assert told["Umask"] == ["0077"]
        limits = Path(f"/proc/{worker}/limits").read_text()  # noqa: ASYNC240 - the kernel's file
        assert "Max core file size        0                    0" in limits
        status, out, errors = await specialist.run("ssh", "device", "id -u; cat /proc/$$/status")
        assert status == 0, errors
        assert out.splitlines()[0] == str(wanted.pw_uid)
        assert "NoNewPrivs:\t1" in out
        operator.leave()
        assert play.stop_agent() == 0
        assert not workers(play)
