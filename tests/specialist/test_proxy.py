"""What the `ProxyCommand` says to the person, and where."""

import base64
import json
import os
import pty
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from bedside.language import Language
from bedside.pki.contexts import relay_server_context, specialist_client_context
from bedside.protocol.tunnel import tunnel_accepted, tunnel_refused
from bedside.specialist import dial, ssh_config
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.dial import answers
from bedside.specialist.errors import ExitCode
from bedside.specialist.proxy import waiting
from bedside.specialist.store import Login, SessionFolder, save_login
from bedside.specialist.waiting import second_words
from bedside.specialist.whereabouts import Whereabouts
from bedside.testing.certificates import PocketAuthority
from bedside.vocabulary import Gate, SessionId
from tests.specialist.test_api import Scripted, scripted
from tests.specialist.test_opening import CONNECTION
from tests.specialist.test_waiting import session

__all__ = ["scripted"]

TELL = "from bedside.specialist.proxy import tell; tell('le relais')"


def test_it_speaks_on_standard_error() -> None:
    done = subprocess.run([sys.executable, "-c", TELL], capture_output=True, check=True)

    assert done.stderr == b"bedside: le relais\n"


def test_it_speaks_on_the_terminal_where_ssh_leads_standard_error_nowhere() -> None:
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the child becomes another program
        os.execv("/bin/sh", ["sh", "-c", f'exec {sys.executable} -c "{TELL}" 2> /dev/null'])

    with os.fdopen(terminal, "rb", buffering=0) as screen:
        assert screen.read(100).rstrip() == b"bedside: le relais"
        assert os.waitpid(pid, 0)[1] == 0


def test_it_stays_silent_without_a_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TELL],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
    )

    assert done.stdout == b""


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where `serve` gets the one connection that comes; whatever follows is refused."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = int(door.getsockname()[1])

        def take() -> None:
            with suppress(OSError), door.accept()[0] as line:
                door.close()
                serve(line)

        thread = threading.Thread(target=take)
        thread.start()
        yield port
        thread.join(10)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> PocketAuthority:
    return PocketAuthority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def context(authority: PocketAuthority) -> ssl.SSLContext:
    own = authority.session("01JD0000000000000000000000")
    return specialist_client_context(own.certificate, own.key, authority.ca)


def server_of(authority: PocketAuthority, name: str = "a", **validity: int) -> ssl.SSLContext:
    """TLS as the relay of this name speaks it."""
    server_name = f"relay-{name}.example"
    relay = authority.relay(name, server_name, **validity)
    return relay_server_context(relay.certificate, relay.key, authority.ca, server_name=server_name)


def told(*ports: int) -> dict[str, object]:
    place = {"name": "a", "server_name": "relay-a.example", "host": "127.0.0.1", "ports": ports}
    return {"relay": place}


@pytest.mark.parametrize("position", [0, 1])
def test_a_relay_answers_on_any_of_its_ports(
    authority: PocketAuthority, context: ssl.SSLContext, position: int
) -> None:
    there = server_of(authority)

    def shake_hands(line: socket.socket) -> None:
        there.wrap_socket(line, server_side=True).close()

    with listening(shake_hands) as port, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = [closed.getsockname()[1]]
        assert not answers(told(*ports), context)
        ports.insert(position, port)
        assert answers(told(*ports), context)


def test_a_relay_that_takes_a_connection_and_dies_does_not_answer(context: ssl.SSLContext) -> None:
    # What the kernel still accepts for a program that was killed.
    with listening(lambda line: None) as port:
        assert not answers(told(port), context)


def test_a_relay_whose_certificate_has_run_out_is_there_and_says_so(
    tmp_path: Path, authority: PocketAuthority, context: ssl.SSLContext
) -> None:
    there = server_of(authority, ends_in_s=-60)

    def shake_hands(line: socket.socket) -> None:
        there.wrap_socket(line, server_side=True)

    with listening(shake_hands) as port:
        assert answers(told(port), context)
    with listening(shake_hands) as port:
        done = proxy_of(folder_of(tmp_path, authority, port, language="fr"))
    assert done.returncode == ExitCode.UNREACHABLE
    assert "Le certificat du relais est expiré, selon l’horloge de cet ordinateur" in done.stderr


# ---- while it waits at the relay ----

SESSION = "01JD0000000000000000000000"


@contextmanager
def waiting_at_a_relay(authority: PocketAuthority) -> Iterator[tuple[int, threading.Event]]:
    """A relay that takes a leg and answers it (nobody came) when the event is set."""
    there = server_of(authority)
    enough = threading.Event()

    def hold(line: socket.socket) -> None:
        with there.wrap_socket(line, server_side=True) as leg:
            leg.recv(65536)
            enough.wait(60)
            leg.sendall(tunnel_refused(Gate.REVOKED_CERTIFICATE))

    with listening(hold) as port:
        try:
            yield port, enough
        finally:
            enough.set()


def folder_of(
    home: Path,
    authority: PocketAuthority,
    port: int,
    *,
    language: str = "en",
    left_ms: int = 60_000,
) -> SessionFolder:
    own = authority.session(SESSION)
    folder = SessionFolder(home / "state" / "sessions", SESSION)
    told_ = {"device": "CI-20417", "access": "system", "mode": "control", "language": language}
    folder.write("session.json", json.dumps(told_).encode())
    folder.write("key", own.key.read_bytes())
    folder.write("client.pem", own.certificate.read_bytes())
    folder.write("ca.pem", authority.ca.encode())
    connection = told(port) | {
        "proof_seed": base64.b64encode(bytes(32)).decode(),
        "expires_ms": int(time.time() * 1000) + left_ms,
    }
    folder.write("connection.json", json.dumps(connection).encode())
    return folder


def proxy_of(folder: SessionFolder) -> subprocess.CompletedProcess[str]:
    """The `ProxyCommand` of an `ssh` that says nothing, when it has ended."""
    return subprocess.run(
        [sys.executable, "-I", "-m", "bedside.specialist.proxy", str(folder.path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def proxy_at_work(folder: SessionFolder, home: Path) -> "subprocess.Popen[str]":
    """The `ProxyCommand` of an `ssh` of whoever has that home, while it runs."""
    return subprocess.Popen(
        [
            "/usr/bin/env", "--default-signal=INT,HUP",
            sys.executable, "-I", "-m", "bedside.specialist.proxy", str(folder.path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"BEDSIDE_HOME": str(home), "PATH": os.environ["PATH"]},  # noqa: TID251
    )  # fmt: skip


def test_it_says_what_it_waits_for_a_line_for_each_state_and_nothing_to_ssh(
    tmp_path: Path, authority: PocketAuthority, scripted: Scripted
) -> None:
    states = ["routed", "awaiting_operator", "awaiting_operator", "connecting"]
    scripted.answers = [(200, session(state)) for state in states]
    save_login(tmp_path / "config" / "login.json", Login(scripted.address, "t"))
    with waiting_at_a_relay(authority) as (port, enough):
        folder = folder_of(tmp_path, authority, port)
        with proxy_at_work(folder, tmp_path) as proxy:
            assert proxy.stderr is not None
            lines = [proxy.stderr.readline().split(" · ")[0].strip() for _ in range(3)]
            enough.set()
            out, rest = proxy.communicate(timeout=60)

    assert lines == [
        "bedside: On its way to the device",
        "bedside: Waiting for the operator at the device",
        f"bedside: {second_words(Language.ENGLISH)}",
    ]
    assert out == ""
    assert "revoked" in rest


def test_without_a_login_it_waits_all_the_same(
    tmp_path: Path, authority: PocketAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path))
    folder = folder_of(tmp_path, authority, 1)
    with waiting(folder, Language.ENGLISH, Whereabouts(folder, Language.ENGLISH)):
        before = threading.active_count()
        while threading.active_count() >= before:  # the watcher has found no login, and left
            threading.Event().wait(0.02)


# ---- where the device is ----


@contextmanager
def relay_b(authority: PocketAuthority) -> Iterator[int]:
    """Another relay: it pairs a leg, says something in the device's place, and ends it."""
    there = server_of(authority, "b")

    def pair(line: socket.socket) -> None:
        with there.wrap_socket(line, server_side=True) as leg:
            leg.recv(65536)
            leg.sendall(tunnel_accepted() + b"by b")

    with listening(pair) as port:
        yield port


@contextmanager
def nobody_there(authority: PocketAuthority) -> Iterator[tuple[int, None]]:
    """A relay that is gone."""
    del authority
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield closed.getsockname()[1], None


@pytest.mark.parametrize("first", [waiting_at_a_relay, nobody_there])
def test_it_goes_where_the_device_has_come_to(
    tmp_path: Path,
    authority: PocketAuthority,
    scripted: Scripted,
    first: Callable[[PocketAuthority], AbstractContextManager[tuple[int, object]]],
) -> None:
    save_login(tmp_path / "config" / "login.json", Login(scripted.address, "t"))
    with first(authority) as (port, _), relay_b(authority) as other:
        place = {"name": "b", "server_name": "relay-b.example", "host": "127.0.0.1"}
        given = CONNECTION | {"relay": place | {"ports": [other]}}
        scripted.always = {
            ("GET", SESSION): (200, session("awaiting_operator", relay="b")),
            ("POST", "connection"): (200, given),
        }
        folder = folder_of(tmp_path, authority, port)
        with proxy_at_work(folder, tmp_path) as proxy:
            assert proxy.stdout is not None
            out = proxy.stdout.read(4)
            proxy.kill()

    assert out == "by b"
    assert folder.connection()["relay"]["name"] == "b"


def test_where_the_console_knows_no_other_relay_the_one_that_is_gone_is_named(
    tmp_path: Path, authority: PocketAuthority, scripted: Scripted
) -> None:
    save_login(tmp_path / "config" / "login.json", Login(scripted.address, "t"))
    scripted.always = {("GET", SESSION): (200, session("awaiting_operator", relay="a"))}
    with (
        nobody_there(authority) as (port, _),
        proxy_at_work(folder_of(tmp_path, authority, port), tmp_path) as proxy,
    ):
        _out, said = proxy.communicate(timeout=60)
        assert proxy.returncode == ExitCode.UNREACHABLE

    assert said.endswith(f"bedside: The relay does not answer. (127.0.0.1:{port})\n")
    assert scripted.asked


def test_a_console_that_says_another_relay_and_gives_the_same_is_not_followed_for_ever(
    tmp_path: Path, authority: PocketAuthority, scripted: Scripted
) -> None:
    save_login(tmp_path / "config" / "login.json", Login(scripted.address, "t"))
    with nobody_there(authority) as (port, _):
        place = {"name": "a", "server_name": "relay-a.example", "host": "127.0.0.1"}
        scripted.always = {
            ("GET", SESSION): (200, session("awaiting_operator", relay="b")),
            ("POST", "connection"): (200, CONNECTION | {"relay": place | {"ports": [port]}}),
        }
        with proxy_at_work(folder_of(tmp_path, authority, port), tmp_path) as proxy:
            proxy.communicate(timeout=60)
            assert proxy.returncode == ExitCode.UNREACHABLE

    assert sum(path.endswith("/connection") for _, path, _, _ in scripted.asked) < 10


def test_a_device_s_key_that_is_not_believed_is_said_by_whoever_follows(
    tmp_path: Path, authority: PocketAuthority, scripted: Scripted
) -> None:
    save_login(tmp_path / "config" / "login.json", Login(scripted.address, "t"))
    scripted.always = {
        ("GET", SESSION): (200, session("awaiting_operator", relay="b")),
        ("POST", "connection"): (200, CONNECTION | {"ssh_host_certificate": "forged"}),
    }
    with (
        nobody_there(authority) as (port, _),
        proxy_at_work(folder_of(tmp_path, authority, port), tmp_path) as proxy,
    ):
        _out, said = proxy.communicate(timeout=60)
        assert proxy.returncode == ExitCode.KEY_REFUSED

    assert "cannot be believed" in said


def test_a_console_that_stumbles_once_is_asked_again(
    tmp_path: Path, authority: PocketAuthority, scripted: Scripted
) -> None:
    save_login(tmp_path / "config" / "login.json", Login(scripted.address, "t"))
    with waiting_at_a_relay(authority) as (port, _), relay_b(authority) as other:
        place = {"name": "b", "server_name": "relay-b.example", "host": "127.0.0.1"}
        given = CONNECTION | {"relay": place | {"ports": [other]}}
        scripted.always = {("POST", "connection"): (200, given)}
        there = (200, session("awaiting_operator", relay="b"))
        scripted.answers = [(500, b"at this moment"), *[there] * 10]
        with proxy_at_work(folder_of(tmp_path, authority, port), tmp_path) as proxy:
            assert proxy.stdout is not None
            assert proxy.stdout.read(4) == "by b"
            proxy.kill()


def test_a_relay_that_sends_a_byte_now_and_then_keeps_nobody(
    authority: PocketAuthority, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "_LOOK_S", 0.05)
    there = server_of(authority)

    def drip(line: socket.socket) -> None:
        with there.wrap_socket(line, server_side=True) as leg:
            leg.recv(65536)
            while True:
                leg.sendall(b"H")
                threading.Event().wait(0.01)

    with listening(drip) as port, pytest.raises(dial.MovedError):
        dial.dial(
            told(port) | {"proof_seed": base64.b64encode(bytes(32)).decode()},
            SessionId(SESSION),
            context=context,
            next_index=lambda: 0,
            stays=lambda: False,
        )


# ---- why it does not open ----

PROGRAMS = {
    "ssh": ("ssh", "-F", "{config}", "ci-20417", "id"),
    "scp": ("scp", "-F", "{config}", "ci-20417:items/log", "{home}/log"),
    "rsync": ("rsync", "-e", "ssh -F {config}", "ci-20417:log", "{home}/log"),
}


def without_a_terminal(home: Path, program: str) -> subprocess.CompletedProcess[str]:
    """A real program with our configuration, as cron or an editor starts it."""
    config = SpecialistConfig(home / "config", home / "state", home / "ssh", Language.ENGLISH)
    path = ssh_config.write(config)
    return subprocess.run(
        [word.format(config=path, home=home) for word in PROGRAMS[program]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        env={"BEDSIDE_HOME": str(home), "PATH": os.environ["PATH"]},  # noqa: TID251
        check=False,
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_without_a_terminal_openssh_itself_says_that_the_session_is_over(
    tmp_path: Path, authority: PocketAuthority, program: str
) -> None:
    folder_of(tmp_path, authority, 1, left_ms=-1000)

    done = without_a_terminal(tmp_path, program)

    assert done.returncode != 0
    assert "bedside: This session is over: its time ended at " in done.stderr
    assert "Ask for a new one: bedside request CI-20417" in done.stderr


def test_without_a_terminal_openssh_says_what_the_relay_refused_and_how_the_session_ended(
    tmp_path: Path, authority: PocketAuthority, scripted: Scripted
) -> None:
    with waiting_at_a_relay(authority) as (port, enough):
        folder_of(tmp_path, authority, port)
        enough.set()
        assert "bedside: The certificate was revoked." in without_a_terminal(tmp_path, "ssh").stderr

    over = session("ended") | {"ending": "by_operator"}
    scripted.always = {("GET", SESSION): (200, over)}
    save_login(tmp_path / "config" / "login.json", Login(scripted.address, "t"))
    with waiting_at_a_relay(authority) as (port, enough):
        folder_of(tmp_path, authority, port)
        enough.set()
        said = without_a_terminal(tmp_path, "ssh").stderr
    assert "bedside: This session is over. Ended by the operator." in said
    # Where the device is and how the session ended is one answer.
    assert len([path for _, path, _, _ in scripted.asked if path.endswith(SESSION)]) == 1


@pytest.mark.parametrize(
    ("left_ms", "code", "words"),
    [
        (-1000, ExitCode.SESSION_OVER, "Cette séance est terminée"),
        (60_000, ExitCode.UNREACHABLE, "Le relais ne répond pas. (127.0.0.1:1)"),
    ],
)
def test_a_session_whose_time_is_over_is_said_before_anything_is_dialled(
    tmp_path: Path, authority: PocketAuthority, left_ms: int, code: ExitCode, words: str
) -> None:
    folder = folder_of(tmp_path, authority, 1, language="fr", left_ms=left_ms)

    done = proxy_of(folder)

    assert done.returncode == code
    assert words in done.stderr
    assert done.stdout == ""
    # Whatever is dialled takes a proof first.
    assert (folder.path / "proofs-used").exists() is (code is ExitCode.UNREACHABLE)


# ---- why it was cut ----


@contextmanager
def stopping_relay(authority: PocketAuthority) -> Iterator[int]:
    """A relay that takes one leg, pairs it, closes it, and is gone."""
    there = server_of(authority)

    def pair_and_stop(line: socket.socket) -> None:
        with there.wrap_socket(line, server_side=True) as leg:
            leg.recv(65536)
            leg.sendall(tunnel_accepted())

    with listening(pair_and_stop) as port:
        yield port


def test_a_tunnel_that_the_relay_s_planned_stop_cuts_ends_with_that_word(
    tmp_path: Path, authority: PocketAuthority, scripted: Scripted
) -> None:
    # The console hears of it later than the specialist does, and may start anew meanwhile.
    over = session("ended") | {"ending": "relay_stopped"}
    scripted.answers = [(200, session("live_control")), (503, b"starting"), (200, over)]
    save_login(tmp_path / "config" / "login.json", Login(scripted.address, "t"))
    with stopping_relay(authority) as port:
        folder = folder_of(tmp_path, authority, port)
        with proxy_at_work(folder, tmp_path) as proxy:
            assert proxy.stderr is not None
            said = proxy.stderr.read()
            assert proxy.wait(60) == ExitCode.SESSION_OVER

    assert "bedside: This session is over. Ended: the relay was stopped as planned." in said
    assert not scripted.answers


def test_a_relay_that_is_gone_without_a_word_of_the_console_does_not_answer(
    tmp_path: Path, authority: PocketAuthority
) -> None:
    with stopping_relay(authority) as port:
        folder = folder_of(tmp_path, authority, port)
        with proxy_at_work(folder, tmp_path) as proxy:
            assert proxy.stderr is not None
            said = proxy.stderr.read()
            assert proxy.wait(60) == ExitCode.UNREACHABLE

    assert said == f"bedside: The relay does not answer. (127.0.0.1:{port})\n"


@contextmanager
def cutting_relay(authority: PocketAuthority) -> Iterator[int]:
    """A relay that takes one leg, pairs it, closes it, and is there."""
    there = server_of(authority)

    def shake_hands(line: socket.socket) -> ssl.SSLSocket:
        return there.wrap_socket(line, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with suppress(OSError):
                with shake_hands(door.accept()[0]) as leg:
                    leg.recv(65536)
                    leg.sendall(tunnel_accepted())
                while True:
                    shake_hands(door.accept()[0]).close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@contextmanager
def silent_console(says: bytes) -> Iterator[int]:
    """A console that takes every connection and sends `says` now and then, but never an answer."""
    over = threading.Event()

    def drip(line: socket.socket) -> None:
        with line, suppress(OSError):
            while not over.wait(0.2):
                line.sendall(says)

    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=(door.accept()[0],)).start()

        thread = threading.Thread(target=serve)
        thread.start()
        yield door.getsockname()[1]
        over.set()
        door.shutdown(socket.SHUT_RDWR)
        thread.join(10)


DID_NOT_SAY = {
    "en": "bedside: The console did not say in time why this tunnel was cut: see the session's page there.\n",
    "fr": "bedside: La console n’a pas dit à temps pourquoi ce tunnel a été coupé\u00a0: voyez-y la page de la séance.\n",
}


@pytest.mark.parametrize(
    ("relay", "says", "language", "code", "before"),
    [
        (
            stopping_relay,
            b"",
            "en",
            ExitCode.UNREACHABLE,
            "bedside: The relay does not answer. (127.0.0.1:{port})\n",
        ),
        (cutting_relay, b"X", "fr", ExitCode.DONE, ""),
    ],
    ids=["the relay is gone", "the relay is there"],
)
def test_a_console_that_is_silent_holds_nobody_and_is_named(
    tmp_path: Path,
    authority: PocketAuthority,
    relay: Callable[[PocketAuthority], AbstractContextManager[int]],
    says: bytes,
    language: str,
    code: ExitCode,
    before: str,
) -> None:
    with silent_console(says) as console, relay(authority) as port:
        save_login(tmp_path / "config" / "login.json", Login(f"http://127.0.0.1:{console}", "t"))
        with proxy_at_work(
            folder_of(tmp_path, authority, port, language=language), tmp_path
        ) as proxy:
            assert proxy.stderr is not None
            said = proxy.stderr.read()
            assert proxy.wait(60) == code

    assert said == before.format(port=port) + DID_NOT_SAY[language]


def close_stdin(proxy: "subprocess.Popen[str]") -> None:
    assert proxy.stdin is not None
    proxy.stdin.close()


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (close_stdin, ExitCode.DONE),
        (lambda proxy: proxy.send_signal(signal.SIGINT), -signal.SIGINT),
        (lambda proxy: proxy.send_signal(signal.SIGHUP), -signal.SIGHUP),
    ],
    ids=["ssh ends", "SIGINT", "SIGHUP"],
)
def test_who_is_interrupted_waits_for_no_console(
    tmp_path: Path,
    authority: PocketAuthority,
    end: Callable[["subprocess.Popen[str]"], None],
    status: int,
) -> None:
    asked, enough = threading.Event(), threading.Event()

    def say_nothing(line: socket.socket) -> None:
        line.recv(65536)
        asked.set()
        enough.wait(60)

    with listening(say_nothing) as console, stopping_relay(authority) as port:
        save_login(tmp_path / "config" / "login.json", Login(f"http://127.0.0.1:{console}", "t"))
        with proxy_at_work(folder_of(tmp_path, authority, port), tmp_path) as proxy:
            assert asked.wait(60)
            end(proxy)
            # It says nothing: what it waits for, or what it did not hear, would be said.
            assert proxy.stderr is not None
            assert (proxy.wait(60), proxy.stderr.read()) == (status, "")
            enough.set()
