"""A fault beside a relay's work is loud, and the relay serves."""

import asyncio
import platform
import socket
import sys

import pytest

from bedside.relay.cli import main
from bedside.vocabulary import PollMode
from tests.observe.packages import remove_packages
from tests.relay.program import Program, configure
from tests.relay.world import World, poll

WITHOUT = (
    "import sys; sys.modules['opentelemetry'] = None; from bedside.pki import shown_alone;"
    "shown_alone._LAID_OUT = frozenset(); from bedside.relay.cli import main;"
    "sys.exit(main(sys.argv[1:]))"
)
TRACED = 'tracing = "http://127.0.0.1:9"\n'


@pytest.fixture
def no_packages(monkeypatch):
    remove_packages(monkeypatch)


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def check(file, capsys):
    code = main(["check", "--config", str(file)])
    said = capsys.readouterr()
    assert said.out == "relay a: relay-a.example\n"
    return code, said.err


@pytest.mark.asyncio
async def test_without_packages_admin_address_and_a_known_build_devices_are_served(tmp_path, taken):
    world = World(tmp_path)
    file = configure(world, tmp_path, stop_ms=0, top=f'{TRACED}admin = "127.0.0.1:{taken}"')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WITHOUT, "run", "--config", str(file)),
        stderr=asyncio.subprocess.PIPE,
    )
    program = Program(process)
    try:
        world.port = (await program.said("listening"))["port"]
        traces = await program.said("tracing_off")
        assert (traces["level"], "requirements/tracing.lock" in traces["cure"]) == ("warning", True)
        admin = await program.said("admin_off")
        assert admin["level"] == "warning"
        assert admin["error"] == f"admin: another program has port {taken} of 127.0.0.1"
        root = await program.said("root_shown")
        assert (root["level"], root["python"]) == ("warning", platform.python_version())
        assert (await (await world.device()).poll(poll(mode=PollMode.INTERVAL))).status == 200
    finally:
        await program.killed()


@pytest.mark.usefixtures("no_packages")
def test_check_names_packages_that_are_missing(tmp_path, capsys):
    code, said = check(configure(World(tmp_path), tmp_path, top=TRACED), capsys)
    assert code == 1
    assert "tracing: its packages are not installed here" in said
    assert "-r requirements/tracing.lock" in said


def test_check_is_content_with_packages_that_are_there_and_an_address_that_is_free(
    tmp_path, capsys
):
    file = configure(World(tmp_path), tmp_path, top=TRACED + 'admin = "127.0.0.1:0"')
    assert check(file, capsys) == (0, "")


def test_check_names_an_admin_address_that_another_program_has(tmp_path, taken, capsys):
    file = configure(World(tmp_path), tmp_path, top=f'admin = "127.0.0.1:{taken}"')
    words = f"bedside relay: admin: another program has port {taken} of 127.0.0.1\n"
    assert check(file, capsys) == (1, words)


def test_check_names_an_admin_address_that_is_no_address_of_this_machine(tmp_path, capsys):
    file = configure(World(tmp_path), tmp_path, top='admin = "192.0.2.1:9110"')
    words = "bedside relay: admin: 192.0.2.1 is no address of this machine\n"
    assert check(file, capsys) == (1, words)


@pytest.mark.asyncio
async def test_check_beside_the_running_relay_finds_it_at_its_own_admin_address(tmp_path, capsys):
    world = World(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = configure(world, tmp_path, stop_ms=0, top=f'admin = "127.0.0.1:{port}"')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bedside", "relay", "run", "--config", str(file)),
        stderr=asyncio.subprocess.PIPE,
    )
    program = Program(process)
    try:
        await program.said("admin_listening")
        assert await asyncio.to_thread(check, file, capsys) == (0, "")
        other = file.with_name("other.toml")
        other.write_text(file.read_text().replace('name = "a"', 'name = "b"'))
        assert await asyncio.to_thread(main, ["check", "--config", str(other)]) == 1
    finally:
        await program.killed()


def test_check_names_a_sibling_that_does_not_stand_in_the_file(tmp_path, capsys, monkeypatch):
    # A short path: a Unix socket has room for 108 bytes.
    monkeypatch.chdir(tmp_path)
    names = f'\n[siblings]\nfolder = "{tmp_path}"\nnames = ["relay-a.example"]'
    file = configure(World(tmp_path), tmp_path, top=names)
    (tmp_path / "killed.example.sock").touch()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
        other.bind("relay-b.example.sock")
        other.listen()
        code, said = check(file, capsys)
    assert code == 1
    assert said.startswith("bedside relay: siblings.names: relay-b.example runs on this host")
    assert check(file, capsys) == (0, "")
