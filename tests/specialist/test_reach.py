"""Which addresses a console may have, and what is said of one that does not answer."""

import socket
import ssl
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from bedside.language import Language
from bedside.specialist.api import Console
from bedside.specialist.errors import BadAddressError, ExitCode, UnreachableError
from bedside.specialist.reach import check_address, silence_sentence
from bedside.specialist.store import Login, save_login
from bedside.testing.certificates import PocketAuthority
from tests.specialist.test_api import Scripted, scripted

__all__ = ["scripted"]

EN, FR = Language.ENGLISH, Language.FRENCH


@pytest.mark.parametrize(
    "address",
    [
        "https://console.example",
        "https://console.example:8443/bedside",
        "https://198.51.100.1",
        "http://localhost:8000",
        "http://127.0.0.1",
        "http://[::1]:8000",
    ],
)
def test_an_address_is_taken_with_https_or_on_this_machine(address: str) -> None:
    assert check_address(address + "/", EN) == address


@pytest.mark.parametrize(
    "address",
    [
        "", "x", "console.example", "javascript://x", "https://", "https:///x", "ftp://console.example",
        "https://a b", "https://console.example\n", "https://console.example:x", "https://[::1",
        "https://me@console.example", "https://console.example?x=1", "https://console.example#x",
        "https://" + "x" * 3000,
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("language", "words"),
    [(EN, "is not the address of a console"), (FR, "n’est pas l’adresse d’une console")],
)
def test_what_is_no_address_is_said_in_both_languages(
    address: str, language: Language, words: str
) -> None:
    with pytest.raises(BadAddressError, match=words) as refused:
        check_address(address, language)

    assert refused.value.exit_code == ExitCode.USAGE
    assert refused.value.sentences[0].isprintable()


@pytest.mark.parametrize(
    "host", ["198.51.100.1", "console.example", "localhost.example", "0.0.0.0"]
)
def test_plain_http_to_another_machine_is_refused_with_its_reason(host: str) -> None:
    with pytest.raises(BadAddressError, match="could read your token"):
        Console(Login(f"http://{host}", "t"), language=EN)
    with pytest.raises(BadAddressError, match=f"chemin de {host} pourrait lire votre jeton"):
        check_address(f"http://{host}", FR)


def said(address: str, ca: str | None = None) -> str:
    """What a French specialist reads when nothing comes back."""
    console = Console(Login(address, "t", ca), language=FR)
    with pytest.raises(UnreachableError) as lost:
        console.get("/me")
    console.close()
    first, second = lost.value.sentences
    assert first == f"La console ne répond pas à {address}."
    return second


def test_why_a_console_does_not_answer_is_said_in_sentences_of_ours(
    tmp_path: Path, scripted: Scripted
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert "Rien n’écoute" in said(f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert "n’emploie pas un TLS" in said(scripted.address.replace("http:", "https:"))
    authority = PocketAuthority(tmp_path)
    own = authority.relay("a", "localhost")
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(own.certificate, own.key)
    with socket.create_server(("127.0.0.1", 0)) as door:

        def meet() -> None:
            with suppress(OSError), door.accept()[0] as line:
                there.wrap_socket(line, server_side=True)

        threading.Thread(target=meet).start()
        assert "ne se fie pas à son certificat" in said(
            f"https://localhost:{door.getsockname()[1]}"
        )
    scripted.answers = [(502, b"")] * 5
    console = Console(Login(scripted.address, "t"), language=FR, wait=lambda _s: None)
    with pytest.raises(UnreachableError, match=r"absente \(502\)"):
        console.post("/sessions", {})
    console.close()


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "finds no machine of that name"),
        (TimeoutError(), "Nothing came back in time"),
        (OSError(101, "Network is unreachable"), "The connection was lost"),
        (None, "The connection was lost"),
    ],
)
def test_every_other_silence_has_its_sentence(cause: Exception | None, words: str) -> None:
    fault = httpx.ConnectError("[Errno -2] whatever")
    fault.__cause__ = cause

    assert words in silence_sentence(fault, EN)
    assert "Errno" not in silence_sentence(fault, EN)


@pytest.mark.parametrize("content", [None, b"", b"x"])
def test_a_file_without_a_ca_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadAddressError, match="n’est pas un fichier lisible"):
        Console(Login("https://console.example", "", str(path)), language=FR)


def test_the_command_refuses_before_anything_is_sent(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bedside", "login", "http://198.51.100.1", "--no-browser"],
        env={"BEDSIDE_HOME": str(tmp_path), "LANG": "en_CA.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == ExitCode.USAGE
    assert done.stderr.startswith("✖ refused: without https")
    assert not (tmp_path / "config" / "login.json").exists()


def test_without_an_address_one_logs_in_where_one_did_last(tmp_path: Path) -> None:
    def login() -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "bedside", "login", "--no-browser"],
            env={"BEDSIDE_HOME": str(tmp_path), "LANG": "en_CA.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    code, told = login()
    assert (code, "You are not logged in" in told) == (ExitCode.NOT_LOGGED_IN, True)
    save_login(tmp_path / "config" / "login.json", Login("http://198.51.100.1", "t0ken"))
    code, told = login()
    assert (code, told.startswith("✖ refused: without https")) == (ExitCode.USAGE, True)
