"""A session's commands have a user of their own: what they cannot reach, and that none outlives it.

The agent's parts are three users here: supervisor, worker, session. Numbers are used, so that nobody
has to be made. Without root there is no such user, and the agent says so instead of running.
"""

import asyncio
import contextlib
import os
import pwd
import shlex
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from bedside.testing.sockets import processes_with
from bedside.vocabulary import AccessKind, Mode
from tests.agent.reach import for_any_user
from tests.agent.test_privileges import status_of
from tests.agent.test_session_life import alive, ended, gone, leashes, let_in, workers
from tests.agent.world import World, world

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]

# Nobody else's: a test that ends all of a user's processes ends no other test's.
SESSION_USER = 2_000_000_000 + os.getpid()
WORKER_USER = pwd.getpwnam("nobody")
KNOCK = (
    "use Socket; $SIG{PIPE} = 'IGNORE'; socket(S, AF_UNIX, SOCK_STREAM, 0) or die; connect(S, sockaddr_un($ARGV[0])) or exit 1;"
    'syswrite(S, qq({"id":0,"kind":"hello","language":"en"}\\n)); exit(sysread(S, $b, 9) ? 0 : 2)'
)
# No mark, no terminal, no parent, no group in common with what the leash started; deaf as well.
ESCAPE = (
    "env -i setsid sh -c '(setsid sh -c \"trap : HUP TERM INT; echo \\$\\$ > {pid}; "
    "while :; do sleep 1; done\" > /dev/null 2>&1 < /dev/null &)'"
)


@pytest.fixture
def folder():
    """A folder that another user may walk through."""
    path = Path(tempfile.mkdtemp(prefix="bedside-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def is_root() -> bool:
    return os.geteuid() == 0


def set_users(play: World) -> None:
    """Write the users into the configuration, and give each what is its own."""
    text = play.config_file.read_text()
    before = for_any_user()
    if before is not None:
        play.before_agent = before
        text += f'worker_user = "{WORKER_USER.pw_name}"\n'
    text += f"session_user = {SESSION_USER}\n"
    play.config_file.write_text(text)
    inbox = play.state / "inbox"
    os.chown(inbox, WORKER_USER.pw_uid if before is not None else 0, SESSION_USER)
    inbox.chmod(0o2750)
    open_folder(play).mkdir()
    os.chown(open_folder(play), SESSION_USER, SESSION_USER)


def open_folder(play: World) -> Path:
    """The one folder where a session's commands may write."""
    return play.state / "open"


@contextlib.asynccontextmanager
async def separated(folder: Path):
    """A world whose agent runs as three users."""
    async with world(folder, enrolled=False) as play:
        set_users(play)
        await begin(play)
        yield play


async def begin(play: World) -> None:
    """Enrol as root types it, and start the agent."""
    status, out = await play.enrol()
    assert status == 0, out
    await play.set_credential()
    play.start_agent()
    await play.configure()
    await play.wait_for_entry("configuration:document:applied")


async def test_the_supervisor_works_as_the_worker_s_user_and_owns_nothing_there(folder):
    """Whoever takes the worker over can lead nobody to write as root."""
    if not is_root():
        await check_refused(folder)
        return
    async with separated(folder) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        assert (await specialist.run("ssh", "device", "echo there"))[:2] == (0, "there\n")
        await asyncio.to_thread(operator.stop)
        assert await ended(play, order) == ("by_operator", None)
        user = WORKER_USER.pw_uid if play.before_agent else 0
        assert status_of(play.agent.pid)["Uid"] == ["0", str(user), "0", str(user)]
        # What the unit leaves it: CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID.
        assert not play.before_agent or status_of(play.agent.pid)["CapBnd"] == ["00000000000000e1"]
        state = play.config.state_dir
        assert {path.lstat().st_uid for path in (state, *state.rglob("*"))} == {user}
        assert play.config.panel_socket.stat().st_uid == 0
        await asyncio.to_thread(operator.verify, "J. Roy")
        operator.leave()
        status, out = await play.command("journal", "export", "--to", str(folder / "journal.zip"))
        assert status == 0, out
        assert play.stop_agent() == 0
        assert not play.config.panel_socket.exists()
        assert {path.lstat().st_uid for path in (state, *state.rglob("*"))} == {user}


async def check_refused(folder: Path) -> None:
    """Without root: the agent does not run as if it had what it has not."""
    async with world(folder, running=False) as play:
        config = play.config_file
        config.write_text(f"{config.read_text()}session_user = {SESSION_USER}\n")
        play.start_agent()
        assert play.agent is not None
        assert play.agent.wait(60) == 2


async def test_a_shell_reaches_nothing_of_the_agent(folder):
    if not is_root():
        await check_refused(folder)
        return
    async with separated(folder) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)

        async def run(command: str) -> tuple[int, str]:
            status, out, errors = await specialist.run("ssh", "device", command)
            return status, out + errors

        status, out = await run("id -u; id -G; grep NoNewPrivs /proc/self/status; umask")
        assert out.split() == [str(SESSION_USER), str(SESSION_USER), "NoNewPrivs:", "1", "0077"]
        assert status == 0
        (worker,), (leash,), supervisor = workers(play), leashes(play), play.agent.pid
        state, journal = play.config.state_dir, play.config.journal_dir / "journal.jsonl"
        size, socket = journal.stat().st_size, play.config.panel_socket
        for command in (
            f"ls {state}",
            f"cat {play.config.identity_dir}/current/identity.pem",
            f"cat {state}/support.json",
            f"cat {journal}",
            f"echo x >> {journal}",
            f": > {journal}",
            f"rm {journal}",
            f"ls {play.config.run_dir}",
            *(f"kill -9 {pid}" for pid in (worker, leash, supervisor)),
            *(f"cat /proc/{pid}/environ" for pid in (worker, leash, supervisor)),
            *(f"ls /proc/{pid}/fd" for pid in (worker, leash, supervisor)),
            f"head -c 1 /proc/{worker}/mem",
        ):
            status, said = await run(command)
            assert status != 0, command
            assert "not permitted" in said or "ermission denied" in said, (command, said)
        assert (await run(f"perl -e {shlex.quote(KNOCK)} {socket}"))[0] == 1
        # Were the folder open, the kernel's word for who knocks would still keep it out.
        socket.parent.chmod(0o755)
        socket.chmod(0o666)
        assert (await run(f"perl -e {shlex.quote(KNOCK)} {socket}"))[0] == 2
        assert all(map(alive, (worker, leash, supervisor)))
        assert journal.stat().st_size > size
        live = await play.wait_for_entry("session:life:live", session=order.session)
        assert live["detail"]["runs_as"] == str(SESSION_USER)
        code, out = await play.command("status")
        assert (code, f"run as {SESSION_USER}" in out) == (0, True)
        assert (await run("test -r /etc/passwd && echo yes > /dev/stdout"))[:2] == (0, "yes\n")
        await asyncio.to_thread(operator.stop)
        operator.leave()
        assert play.stop_agent() == 0


async def test_the_terminal_and_the_pipes_are_the_session_s_own(folder):
    if not is_root():
        await check_refused(folder)
        return
    async with separated(folder) as play:
        operator = await play.operator()
        _order, specialist = await let_in(play, operator)
        status, out, errors = await specialist.run(
            "ssh", "-tt", "device", "echo one > $(tty); stat -c %u $(tty)"
        )
        assert (status, out.split()) == (0, ["one", str(SESSION_USER)]), errors
        status, out, errors = await specialist.run(
            "ssh", "device", "cat /dev/stdin; echo two > /dev/stderr", stdin=b"three\n"
        )
        assert (status, out, errors.splitlines()[-1]) == (0, "three\n", "two")
        operator.leave()


async def test_what_came_into_the_inbox_is_read_by_commands_and_stays_as_the_journal_has_it(folder):
    if not is_root():
        await check_refused(folder)
        return
    async with separated(folder) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        (specialist.folder / "fix.bin").write_bytes(b"the fix")
        status, _, errors = await specialist.run("scp", "fix.bin", "device:inbox/")
        assert status == 0, errors
        path = play.state / "inbox" / "fix.bin"
        assert await specialist.run("ssh", "device", f"cat {path}") == (0, "the fix", "")
        for command in (f"echo more >> {path}", f"rm -f {path}", f"mv {path} {path}.old"):
            status, _, _ = await specialist.run("ssh", "device", command)
            assert status != 0, command
        assert path.read_bytes() == b"the fix"
        await asyncio.to_thread(operator.stop)
        assert await ended(play, order) == ("by_operator", None)
        await asyncio.to_thread(operator.verify, "J. Roy")
        order, specialist = await let_in(play, operator, mode=Mode.VIEW)
        (specialist.folder / "more.bin").write_bytes(b"more")
        status, _, _ = await specialist.run("scp", "more.bin", "device:inbox/")
        assert status != 0
        assert sorted(name.name for name in path.parent.iterdir()) == ["fix.bin"]
        operator.leave()


async def escaped(play: World, specialist, *more: str) -> int:
    """Start what hides from its session in every way it can; return its pid."""
    path = open_folder(play) / "pid"
    path.unlink(missing_ok=True)
    command = "; ".join([ESCAPE.format(pid=path), "echo up", *more])
    status, out, errors = await specialist.run("ssh", "device", command)
    assert (status, out) == (0, "up\n"), errors
    pid = int(await play.wait_until(lambda: path.exists() and path.read_text()))
    assert alive(pid)
    assert not processes_with("BEDSIDE_SESSION") & {pid}
    return pid


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("dead", ["", "worker", "leash", "supervisor", "leash worker supervisor"])
async def test_whatever_a_session_started_ends_with_it_whoever_dies(folder, dead):
    if not is_root():
        await check_refused(folder)
        return
    async with separated(folder) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        pid = await escaped(play, specialist)
        victims = {
            "supervisor": [play.agent.pid], "worker": workers(play), "leash": leashes(play),
        }  # fmt: skip
        if dead:
            kill(*(one for name in dead.split() for one in victims[name]))
        else:
            await asyncio.to_thread(operator.stop)
        if "supervisor" in dead:
            play.agent.wait(60)
            play.start_agent()
        await gone(pid)
        ending, _ = await ended(play, order)
        expected = {"": "by_operator", "worker": "failed", "leash": "failed"}
        assert ending == expected.get(dead, "device_lost")
        operator.leave()
        operator = await play.operator()
        _order, specialist = await let_in(play, operator)
        assert (await specialist.run("ssh", "device", "echo back"))[:2] == (0, "back\n")
        operator.leave()


async def test_the_service_application_runs_as_the_user_that_the_profile_names(folder):
    if not is_root():
        await check_refused(folder)
        return
    async with world(folder, enrolled=False) as play:
        set_users(play)
        profile = play.state / "profile.toml"
        menu = '["/bin/sh", "-c", "id -u; read word"]'
        text = profile.read_text()
        old = next(line for line in text.splitlines() if "SERVICE MENU" in line)
        profile.write_text(text.replace(old, f'command = {menu}\nuser = "daemon"'))
        await begin(play)
        operator = await play.operator()
        order, specialist = await let_in(play, operator, access=AccessKind.SERVICE)
        menu = await specialist.start("ssh", "-tt", "device")
        assert await menu.stdout.readline() == b"1\r\n"
        live = await play.wait_for_entry("session:life:live", session=order.session)
        assert live["detail"]["runs_as"] == "daemon"
        await asyncio.to_thread(operator.stop)
        assert await ended(play, order) == ("by_operator", None)
        await menu.communicate()
        operator.leave()


async def test_one_user_for_all_is_said_and_an_escape_that_kills_its_keepers_still_ends(folder):
    """Whoever runs the tests: the journal says `same user`; what can be held is held."""
    async with world(folder, running=False) as play:
        open_folder(play).mkdir()
        play.start_agent()
        await play.configure()
        await play.wait_for_entry("configuration:document:applied")
        operator = await play.operator()
        order, specialist = await let_in(play, operator)
        pid = await escaped(play, specialist)
        live = await play.wait_for_entry("session:life:live", session=order.session)
        assert live["detail"]["runs_as"] == "same user"
        started = await play.wait_for_entry("agent:process:started")
        assert started["detail"]["runs_as"] == "same user"
        for command in ("status", "check"):
            code, out = await play.command(command)
            assert (code, "(same user)" in out) == (0, True)
        kill(*leashes(play), *workers(play))
        await gone(pid)
        assert await ended(play, order) == ("failed", None)
        operator.leave()
