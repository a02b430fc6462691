"""Point by point: what plain OpenSSH may do in a session, each beside what it may not."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.demo.check import HOST, Journey
from bedside.demo.people import DEVICE, MARIE
from bedside.testing.openssh import OpenSsh
from bedside.testing.sockets import processes_with
from tests.journeys.records import device_records, gates


@pytest.fixture(scope="module")
def system(journey: Journey) -> Iterator[OpenSsh]:
    """A `system` session with control; the module's tests share it."""
    ssh = journey.let_in(MARIE, "--access", "system", "--mode", "control")
    yield ssh
    journey.world.specialist(MARIE, "end", DEVICE)
    journey.idle()
    journey.operator.verify()


def test_a_shell_on_a_terminal(system: OpenSsh) -> None:
    done = system.run("ssh", "-tt", HOST, send=b"tty; exit 7\n")

    assert b"/dev/pts/" in done.stdout
    assert done.returncode == 7


def test_a_command_with_its_own_streams_and_exit_code(system: OpenSsh) -> None:
    done = system.run("ssh", HOST, "cat; echo wrong >&2; exit 3", send=b"in\n")

    assert (done.stdout, done.stderr, done.returncode) == (b"in\n", b"wrong\n", 3)


def test_scp_into_the_inbox_and_nowhere_else(
    system: OpenSsh, journey: Journey, tmp_path: Path
) -> None:
    (tmp_path / "fix.cfg").write_bytes(bytes(range(256)) * 4096)

    put = system.run("scp", str(tmp_path / "fix.cfg"), f"{HOST}:/inbox/fix.cfg")
    refused = system.run("scp", str(tmp_path / "fix.cfg"), f"{HOST}:/items/fix.cfg")
    escaped = system.run("scp", str(tmp_path / "fix.cfg"), f"{HOST}:/inbox/../../../etc/fix.cfg")

    assert put.returncode == 0, put.stderr
    assert (journey.world.device.inbox / "fix.cfg").read_bytes() == bytes(range(256)) * 4096
    assert refused.returncode != 0
    assert escaped.returncode != 0
    assert not Path("/etc/fix.cfg").exists()


def test_scp_out_of_a_named_data_item_and_nothing_else(
    system: OpenSsh, journey: Journey, tmp_path: Path
) -> None:
    got = system.run("scp", f"{HOST}:/items/settings.ini", str(tmp_path / "settings.ini"))
    refused = system.run("scp", f"{HOST}:/items/events.log", str(tmp_path / "events.log"))
    absolute = system.run("scp", f"{HOST}:{journey.world.device.store.events}", str(tmp_path / "e"))

    assert got.returncode == 0, got.stderr
    original = journey.world.device.state / "settings.ini"
    assert (tmp_path / "settings.ini").read_bytes() == original.read_bytes()
    assert refused.returncode != 0
    assert absolute.returncode != 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["settings.ini"]


def test_sftp_shows_the_two_folders(system: OpenSsh) -> None:
    done = system.run("sftp", "-b", "-", HOST, send=b"ls /\nls /items\n")

    assert done.returncode == 0, done.stderr
    assert b"inbox" in done.stdout
    assert b"trace.csv" in done.stdout
    assert b"events.log" not in done.stdout


def test_rsync_works_through_the_written_configuration(
    system: OpenSsh, journey: Journey, tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("one\n")
    target = journey.world.device.folder / "rsync"
    target.mkdir()

    done = system.run_program(
        ["rsync", "-e", f"ssh -F {system.config}", str(tmp_path / "a"), f"{HOST}:{target}/a"]
    )

    assert done.returncode == 0, done.stderr
    assert (target / "a").read_text() == "one\n"


def test_a_forward_reaches_the_named_endpoint(system: OpenSsh, journey: Journey) -> None:
    port = journey.world.ports.diagnostics
    ask = b"GET / HTTP/1.0\r\n\r\n"

    by_name = system.run("ssh", "-W", f"diagnostics:{port}", HOST, send=ask)
    by_loopback = system.run("ssh", "-W", f"localhost:{port}", HOST, send=ask)

    assert b'"phase"' in by_name.stdout, by_name.stderr
    assert b'"phase"' in by_loopback.stdout, by_loopback.stderr


@pytest.mark.parametrize("target", ["192.168.1.10:80", "10.0.0.1:22", "localhost:22", "[::1]:631"])
def test_a_forward_elsewhere_is_refused_in_words(
    system: OpenSsh, journey: Journey, target: str
) -> None:
    # A connection of its own: a shared one tells the sentence to whoever opened it.
    done = system.run("ssh", "-S", "none", "-W", target, HOST)

    assert done.returncode != 0
    assert "Aucune autre machine n'est accessible." in done.stderr.decode()
    assert "forward" in gates(device_records(journey.world))


def test_a_name_that_leads_to_the_network_is_not_even_looked_up(
    system: OpenSsh, journey: Journey
) -> None:
    done = system.run(
        "ssh", "-W", f"printer.hospital.example:{journey.world.ports.diagnostics}", HOST
    )

    assert done.returncode != 0


def test_reverse_forwards_agent_and_x11_are_refused(system: OpenSsh, journey: Journey) -> None:
    reverse = system.run("ssh", "-S", "none", "-o", "ExitOnForwardFailure=yes", "-R", "0:localhost:1",
                         HOST, "true")  # fmt: skip

    assert reverse.returncode != 0
    refused = [r for r in device_records(journey.world) if r.action == "session:channel:refused"]
    assert any(r.detail.get("channel") == "tcpip-forward" for r in refused)


def test_a_second_connection_asks_again_and_a_wrong_code_does_not_open(
    system: OpenSsh, journey: Journey
) -> None:
    code = journey.operator.presence_code() if _code_shown(journey) else None
    if code is None:
        code = (system.folder / "code").read_text().strip()
    system.answers(credential=journey.world.support_credential, code="000000")

    wrong = system.run("ssh", "-S", "none", "-o", "NumberOfPasswordPrompts=1", HOST, "true")

    system.answers(credential=journey.world.support_credential, code=code)
    right = system.run("ssh", "-S", "none", HOST, "true")
    assert wrong.returncode == 255
    assert right.returncode == 0, right.stderr
    assert "presence_code" in gates(device_records(journey.world))


def _code_shown(journey: Journey) -> bool:
    status = journey.operator.status
    return status is not None and status.presence_code is not None


def test_nothing_of_a_session_outlives_it(journey: Journey, system: OpenSsh) -> None:
    marker = f"bedside-orphan-{time.time_ns()}"

    system.run("ssh", HOST, f"setsid bash -c 'exec -a {marker} sleep 600' >/dev/null 2>&1 &")

    assert processes_with(marker)
    journey.operator.stop()
    journey.idle()
    assert not processes_with(marker)
