"""Plain OpenSSH against the endpoint: what a grant opens, each beside what it does not."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from bedside.agent.ssh.helm import Seat
from bedside.demo.processes import free_port
from bedside.language import Language, gate_advice, gate_sentence
from bedside.vocabulary import AccessKind, Gate, JournalAction, Mode, Outcome
from tests.agent.ssh.kit import SESSION, Device, device, ended
from tests.agent.ssh.test_authentication import until
from tests.agent.ssh.test_helm import Heir

pytestmark = pytest.mark.asyncio

OPENED = JournalAction.SESSION_CHANNEL_OPENED
CLOSED = JournalAction.SESSION_CHANNEL_CLOSED
REFUSED = JournalAction.SESSION_CHANNEL_REFUSED


def last_refusal(play: Device):
    return [entry for entry in play.hooks.entries if entry.outcome is Outcome.REFUSED][-1]


async def test_a_command_runs_in_system_control_and_its_end_is_told(tmp_path):
    async with device(tmp_path) as play:
        result = await play.run("ssh", "device", "echo out; echo err >&2; cat; exit 4", stdin=b"in")
        assert (result.status, result.out) == (4, b"out\nin")
        assert "err" in result.err
        assert play.hooks.live == 1
        assert play.hooks.actions() == [
            JournalAction.SESSION_AUTHENTICATION_SUCCEEDED,
            OPENED,
            CLOSED,
        ]
        closed = play.hooks.entries[-1].detail
        assert closed["exit_status"] == 4
        assert (closed["bytes_sent"], closed["bytes_received"]) == (10, 2)
        assert "echo out; echo err >&2; cat; exit 4" in play.hooks.activities
        assert play.hooks.changes == play.hooks.activities


async def test_a_command_that_dies_of_a_signal_says_so(tmp_path):
    async with device(tmp_path) as play:
        result = await play.run("ssh", "device", "kill -TERM $$")
        assert result.status == 255
        assert play.hooks.entries[-1].detail["exit_status"] == -15


async def test_a_command_is_refused_in_view_and_one_of_the_profile_runs(tmp_path):
    async with device(tmp_path, mode=Mode.VIEW) as play:
        result = await play.run("ssh", "device", "touch", str(tmp_path / "written"))
        assert result.status == 77
        assert "only the commands that the product calls read-only" in result.err
        assert last_refusal(play).gate is Gate.VIEW_ONLY
        assert last_refusal(play).action is REFUSED
        assert not (tmp_path / "written").exists()
        assert (await play.run("ssh", "device", "uname -s")).out == b"Linux\n"
        both = await play.run("ssh", "device", f"uname -s; touch {tmp_path}/written")
        assert both.status == 77
        assert not (tmp_path / "written").exists()


async def test_a_command_is_refused_in_service(tmp_path):
    async with device(tmp_path, access=AccessKind.SERVICE) as play:
        result = await play.run("ssh", "device", "id")
        assert result.status == 77
        assert "service access runs the service application and no command" in result.err
        assert last_refusal(play).gate is Gate.CHANNEL


async def test_a_shell_on_a_terminal_with_its_size_and_the_session_in_its_environment(tmp_path):
    async with device(tmp_path) as play:
        line = b"stty size; tty; echo $BEDSIDE_SESSION-$TERM; exit 5\n"
        result = await play.run("ssh", "-tt", "-o", "SetEnv=TERM=vt100", "device", stdin=line)
        assert result.status == 5
        assert b"/dev/pts/" in result.out
        assert f"{SESSION}-vt100".encode() in result.out


async def test_a_shell_in_view_is_refused(tmp_path):
    async with device(tmp_path, mode=Mode.VIEW) as play:
        result = await play.run("ssh", "-tt", "device", stdin=b"exit 0\n")
        assert result.status == 77
        assert "a shell could change something" in result.err
        assert last_refusal(play).gate is Gate.VIEW_ONLY


async def test_service_is_the_service_application_in_its_mode(tmp_path):
    async with device(tmp_path, access=AccessKind.SERVICE) as play:
        result = await play.run("ssh", "-tt", "device", stdin=b"1\nq\n")
        assert result.status == 3
        assert b"SERVICE MENU \r\n" in result.out
        assert b"chose 1" in result.out
    async with device(tmp_path, access=AccessKind.SERVICE, mode=Mode.VIEW) as play:
        result = await play.run("ssh", "-tt", "device", stdin=b"q\n")
        assert b"SERVICE MENU --view" in result.out


async def test_the_session_s_user_name_is_its_access_kind(tmp_path):
    async with device(tmp_path) as play:
        play.user = "service"
        result = await play.run("ssh", "device", "true")
        assert result.status == 255
        assert last_refusal(play).gate is Gate.USER_CERTIFICATE
        assert last_refusal(play).detail["reason"] == "other access kind"


async def test_a_forward_reaches_the_named_endpoint_and_no_other(tmp_path):
    async with served() as port, device(tmp_path, port=port) as play:
        for name in ("127.0.0.1", "localhost", "desktop"):
            result = await play.run("ssh", "-W", f"{name}:{port}", "device", stdin=b"hello")
            assert result.out == b"HELLO"
        opened = [entry.detail for entry in play.hooks.entries if entry.action is OPENED]
        assert opened[0] == {"channel": "direct-tcpip", "endpoint": "desktop", "port": port}
        for name in (f"127.0.0.1:{port + 1}", f"10.0.0.1:{port}", f"localtest.me:{port}"):
            result = await play.run("ssh", "-W", name, "device")
            assert result.status != 0
            assert f"desktop:{port}" in result.err
            assert "No other machine" in result.err
            assert last_refusal(play).gate is Gate.FORWARD
            assert last_refusal(play).action is REFUSED


async def test_local_and_dynamic_forwards_reach_the_same_and_no_more(tmp_path):
    async with served() as port, device(tmp_path, port=port) as play:
        local, dynamic = tmp_path / "l", free_port()
        process = await play.start(
            "ssh", "-N", "-L", f"{local}:127.0.0.1:{port}", "-D", f"127.0.0.1:{dynamic}", "device"
        )
        await until(local.exists)
        reader, writer = await asyncio.open_unix_connection(local)
        writer.write(b"hello")
        writer.write_eof()
        assert await reader.read() == b"HELLO"
        writer.close()
        for address, first in ((b"\x7f\0\0\1", 0), (b"\xc0\xa8\1\x14", 1)):
            reader, writer = await asyncio.open_connection("127.0.0.1", dynamic)
            writer.write(b"\5\1\0")
            assert await reader.readexactly(2) == b"\5\0"
            writer.write(b"\5\1\0\1" + address + port.to_bytes(2, "big") + b"hello")
            writer.write_eof()
            answer = await reader.read()
            assert answer.endswith(b"HELLO") is (first == 0)
            writer.close()
        assert last_refusal(play).detail["name"] == "192.168.1.20"
        await ended(process)


async def test_forwards_follow_who_controls(tmp_path):
    async with (
        served() as port,
        served() as view_port,
        device(tmp_path, port=port, view_port=view_port) as play,
    ):
        ways = [tmp_path / name for name in ("desktop", "status")]
        process = await play.start(
            "ssh", "-N", "-L", f"{ways[0]}:127.0.0.1:{port}",
            "-L", f"{ways[1]}:127.0.0.1:{view_port}", "device",
        )  # fmt: skip
        await until(lambda: all(way.exists() for way in ways))
        reader, writer = await asyncio.open_unix_connection(ways[0])
        writer.write(b"hel")
        await until(lambda: "-L desktop" in " ".join(play.hooks.activities))
        await pass_control(play)
        # Under way, it is cut; a new one reaches what is safe to view, and nothing else.
        assert await asyncio.wait_for(reader.read(), 60) == b""
        writer.close()
        assert [await answer(way) for way in ways] == [b"", b"HELLO"]
        assert play.hooks.changes == [f"-L desktop:{port}"]
        assert last_refusal(play).gate is Gate.VIEW_ONLY
        await ended(process)


async def test_whoever_joined_has_forwards_while_they_control(tmp_path):
    async with (
        served() as port,
        device(tmp_path, port=port, mode=Mode.VIEW, watcher="Jean Roy, Canada") as play,
    ):
        ask = ("ssh", "-W", f"desktop:{port}", "device")
        result = await play.run(*ask, stdin=b"hello")
        assert (result.out, last_refusal(play).gate) == (b"", Gate.VIEW_ONLY)
        heir = await pass_control(play)
        result = await play.run(*ask, stdin=b"hello")
        assert result.out == b"HELLO"
        assert (await play.run("ssh", "device", "echo ran")).status == 77
        process = await play.start(*ask)
        process.stdin.write(b"hel")
        await until(lambda: len(play.hooks.activities) >= 2)
        play.stage.helm.forget(heir)
        assert await asyncio.wait_for(process.stdout.read(), 60) == b""
        await process.communicate()


async def answer(way: Path) -> bytes:
    """What comes back through a forward; one that is refused may be reset."""
    reader, writer = await asyncio.open_unix_connection(way)
    try:
        writer.write(b"hello")
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), 60)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def pass_control(play: Device) -> Heir:
    """Hand control of this session to whoever joined, who takes it."""
    helm = play.stage.helm
    heir = Heir(SimpleNamespace(written=[], helm=helm))

    async def record(action, person): ...

    helm.allow(heir)
    assert await helm.hand(Seat.STARTED, heir.name, record) is None
    assert await helm.take(Seat.JOINED, record, watchers=1) is None
    return heir


async def test_in_view_a_forward_reaches_only_what_is_safe_to_view(tmp_path):
    async with (
        served() as port,
        served() as view_port,
        device(tmp_path, port=port, view_port=view_port, mode=Mode.VIEW) as play,
    ):
        result = await play.run("ssh", "-W", f"status:{view_port}", "device", stdin=b"hello")
        assert result.out == b"HELLO"
        result = await play.run("ssh", "-W", f"desktop:{port}", "device", stdin=b"hello")
        assert result.out == b""
        assert "the session is for observation" in result.err
        assert last_refusal(play).gate is Gate.VIEW_ONLY


async def test_reverse_agent_and_x11_forwards_are_refused_aloud_and_the_command_still_runs(
    tmp_path,
):
    async with device(tmp_path) as play:
        result = await play.run(
            "ssh", "-o", "ExitOnForwardFailure=no", "-R", "0:127.0.0.1:22", "device", "echo ran"
        )
        assert result.out == b"ran\n"
        assert "reverse forwards are never granted" in result.err
        assert last_refusal(play).detail["channel"] == "tcpip-forward"
        # What a page says of the gate fits this forward too.
        assert last_refusal(play).gate is Gate.FORWARD
        assert "never back" in gate_sentence(Gate.FORWARD, Language.ENGLISH)
        assert "without ssh -R" in gate_advice(Gate.FORWARD, Language.ENGLISH)
        result = await play.run("ssh", "-R", "/tmp/s:127.0.0.1:22", "device", "echo ran")
        assert "reverse forwards are never granted" in result.err
        assert last_refusal(play).detail["channel"] == "streamlocal-forward"
        async with ssh_agent(tmp_path) as socket:
            play.more_environment = {"SSH_AUTH_SOCK": str(socket)}
            result = await play.run("ssh", "-A", "device", "echo ran$SSH_AUTH_SOCK")
        assert result.out == b"ran\n"
        assert "agent forwarding is never granted" in result.err
        assert last_refusal(play).detail["channel"] == "agent"
        x11 = (
            "-o",
            "ForwardX11=yes",
            "-o",
            "ForwardX11Trusted=yes",
            "-o",
            "XAuthLocation=/bin/true",
        )
        result = await play.run("ssh", *x11, "device", "echo ran$DISPLAY")
        assert result.out == b"ran\n"
        assert "X11 forwarding is never granted" in result.err
        assert last_refusal(play).detail["channel"] == "x11"


async def test_over_a_shared_connection_openssh_keeps_the_reason_and_the_journal_has_it(tmp_path):
    # As docs/topics/ssh-in-the-tunnel.md says it.
    share = ("-o", "ControlMaster=auto", "-o", f"ControlPath={tmp_path}/m")
    elsewhere = ("-W", "192.168.1.20:80", "device")
    async with device(tmp_path) as play:
        first = await play.start("ssh", *share, "device", "echo ready; cat")
        assert await first.stdout.readline() == b"ready\n"
        shared = await play.run("ssh", *share, *elsewhere)
        assert shared.status == 255
        assert "Session open refused by peer" in shared.err
        assert last_refusal(play).gate is Gate.FORWARD
        assert last_refusal(play).detail["name"] == "192.168.1.20"
        first.stdin.close()
        assert b"No other machine can be reached" in await first.stderr.read()
        await first.communicate()
        alone = await play.run("ssh", "-o", "ControlPath=none", *elsewhere)
        assert "No other machine can be reached" in alone.err


async def test_a_socket_on_the_device_is_never_reached(tmp_path):
    async with device(tmp_path) as play:
        here = tmp_path / "l"
        process = await play.start(
            "ssh", "-N", "-L", f"{here}:/run/dbus/system_bus_socket", "device"
        )
        async with asyncio.timeout(60):
            while not here.exists():  # noqa: ASYNC110 - ssh tells nobody
                await asyncio.sleep(0.02)
        reader, writer = await asyncio.open_unix_connection(here)
        async with asyncio.timeout(60):
            assert await reader.read() == b""
        writer.close()
        _out, err = await ended(process)
        assert b"forwards to sockets are never granted" in err
        assert last_refusal(play).detail["channel"] == "direct-streamlocal"


async def test_another_subsystem_and_an_odd_variable_are_refused(tmp_path):
    async with device(tmp_path) as play:
        result = await play.run("ssh", "-s", "device", "netconf")
        assert result.status == 77
        assert "sftp is the only subsystem" in result.err
        setting = ("-o", "SetEnv=LD_PRELOAD=/tmp/x.so LC_TIME=fr_CA")
        result = await play.run("ssh", *setting, "device", "echo $LD_PRELOAD-$LC_TIME")
        assert result.out == b"-fr_CA\n"
        assert last_refusal(play).detail["name"] == "LD_PRELOAD"


async def test_a_french_device_asks_and_refuses_in_french(tmp_path):
    async with device(tmp_path, mode=Mode.VIEW, language=Language.FRENCH) as play:
        result = await play.run("ssh", "device", "id")
        assert result.status == 77
        assert "refus de l’appareil : en observation" in result.err
        asked = " ".join(play.asked())
        assert "Mot de passe de soutien" in asked
        assert "Code de présence" in asked


async def test_without_a_journal_nothing_opens(tmp_path):
    async with device(tmp_path) as play:
        play.hooks.journal_full = True
        result = await play.run("ssh", "device", f"touch {tmp_path}/written")
        assert result.status == 255
        assert play.hooks.live == 0
        assert not (tmp_path / "written").exists()


async def test_much_output_under_pressure_arrives_whole(tmp_path):
    async with device(tmp_path) as play:
        result = await play.run(
            "ssh", "device", "head -c 50000000 /dev/zero | tee /dev/stderr | cat"
        )
        assert len(result.out) == 50_000_000
        assert len(result.err) == 50_000_000


async def test_much_input_arrives_whole_although_the_reader_is_slow(tmp_path):
    async with device(tmp_path) as play:
        result = await play.run("ssh", "device", "sleep 0.3; wc -c", stdin=bytes(20_000_000))
        assert result.out.strip() == b"20000000"


class served:  # noqa: N801 - reads as a phrase
    """A loopback service that shouts back what it heard once its input ends."""

    async def __aenter__(self) -> int:
        async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: TID251
            writer.write((await reader.read()).upper())
            writer.close()

        self._server = await asyncio.start_server(shout, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        await self._server.wait_closed()


class ssh_agent:  # noqa: N801
    """A real ssh-agent, so that the client has something to forward."""

    def __init__(self, folder) -> None:
        self._path = folder / "agent"

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            "ssh-agent", "-D", "-a", str(self._path), stdout=asyncio.subprocess.DEVNULL
        )
        while not self._path.exists():  # noqa: ASYNC110 - another program makes it
            await asyncio.sleep(0.01)
        return self._path

    async def __aexit__(self, *exc: object) -> None:
        self._process.terminate()
        await self._process.wait()
