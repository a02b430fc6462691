"""The command line's side of the REST API: answers become values, faults sentences."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bedside.demo.processes import free_port
from bedside.language import Language
from bedside.specialist.api import Console
from bedside.specialist.errors import (
    CliError,
    ExitCode,
    NotLoggedInError,
    RefusedError,
    UnreachableError,
)
from bedside.specialist.store import Login


class Scripted(ThreadingHTTPServer):
    """Answers each request with the next of `answers`; keeps what was asked.

    What `always` has for a method and the end of a path is answered whenever it is asked.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, Any]] = []
        self.always: dict[tuple[str, str], tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def _answer(self, body: Any) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers, body))
        last = (self.command, self.path.rpartition("/")[2])
        status, answer = self.server.always.get(last) or self.server.answers.pop(0)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def console(scripted: Scripted) -> Iterator[Console]:
    console = Console(Login(scripted.address, "t0ken"), language=Language.FRENCH)
    yield console
    console.close()


def test_a_question_carries_the_token_and_the_language(
    scripted: Scripted, console: Console
) -> None:
    scripted.answers = [(200, {"name": "Marie"})]

    assert console.get("/me") == {"name": "Marie"}
    method, path, headers, _body = scripted.asked[0]
    assert (method, path) == ("GET", "/api/v1/me")
    assert headers["authorization"] == "Bearer t0ken"
    assert headers["accept-language"] == "fr"


def test_a_refusal_names_its_gate_and_what_to_do(scripted: Scripted, console: Console) -> None:
    reasons = [{"gate": "entitlement"}, {"gate": "lock", "facts": {"why": "Rappel 7"}}]
    scripted.answers = [(403, {"code": "refused", "reasons": reasons})]

    with pytest.raises(RefusedError) as refused:
        console.post("/sessions", {})

    assert refused.value.exit_code == ExitCode.REFUSED
    assert refused.value.sentences[0].startswith("refusée par entitlement : L’établissement")
    assert refused.value.sentences[1].endswith(" «\u00a0Rappel 7\u00a0»")


def test_a_token_that_no_longer_counts_says_how_to_log_in(
    scripted: Scripted, console: Console
) -> None:
    scripted.answers = [(401, {})]

    with pytest.raises(NotLoggedInError, match="bedside login"):
        console.get("/me")


def test_a_token_of_a_closed_account_says_so(scripted: Scripted, console: Console) -> None:
    scripted.answers = [(401, {"code": "account_closed", "title": "Votre compte est fermé."})]

    with pytest.raises(NotLoggedInError, match=r"Votre compte est fermé\."):
        console.get("/me")


@pytest.mark.parametrize(
    ("language", "said"),
    [(Language.ENGLISH, "Confirm who you are: bedside login"),
     (Language.FRENCH, "Confirmez qui vous êtes : bedside login")],
)  # fmt: skip
def test_a_risky_act_after_a_while_asks_to_log_in_again(
    scripted: Scripted, language: Language, said: str
) -> None:
    scripted.answers = [(403, {"code": "confirmation_needed", "title": "x", "status": 403})]
    console = Console(Login(scripted.address, "t0ken"), language=language)

    with pytest.raises(NotLoggedInError) as refused:
        console.post("/devices/CI-1/revoke", {})

    console.close()
    assert refused.value.sentences[0] == said
    assert refused.value.exit_code is ExitCode.NOT_LOGGED_IN


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b""])
def test_an_answer_that_is_no_object_is_said(
    scripted: Scripted, console: Console, answer: bytes
) -> None:
    scripted.answers = [(200, answer)]

    with pytest.raises(CliError, match="illisible"):
        console.get("/me")


def test_a_console_that_is_not_there_is_named() -> None:
    nowhere = Console(Login("http://127.0.0.1:9", "t"), language=Language.ENGLISH)

    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:9"):
        nowhere.get("/me")
    nowhere.close()


def test_pages_are_followed_to_the_end(scripted: Scripted, console: Console) -> None:
    scripted.answers = [
        (200, {"items": [{"id": 1}, {"id": 2}], "next": "c2"}),
        (200, {"items": [{"id": 3}], "next": None}),
    ]

    assert [item["id"] for item in console.pages("/devices", search="x")] == [1, 2, 3]
    assert scripted.asked[1][1] == "/api/v1/devices?search=x&cursor=c2"


def test_a_login_waits_for_the_browser_and_slows_down_when_told(
    scripted: Scripted, console: Console
) -> None:
    scripted.answers = [
        (400, {"error": "authorization_pending"}),
        (400, {"error": "slow_down"}),
        (200, {"access_token": "fresh"}),
    ]
    waited: list[float] = []

    token = console.await_login({"interval": 5, "device_code": "d"}, wait=waited.append)

    assert token == "fresh"
    assert waited == [5, 5, 10]


@pytest.mark.parametrize("error", ["access_denied", "expired_token", "nonsense"])
def test_a_login_that_is_refused_ends(scripted: Scripted, console: Console, error: str) -> None:
    scripted.answers = [(400, {"error": error})]

    with pytest.raises(NotLoggedInError):
        console.await_login({"interval": 1, "device_code": "d"}, wait=lambda _s: None)


def test_what_is_posted_has_a_name_and_what_is_read_has_none(
    scripted: Scripted, console: Console
) -> None:
    scripted.answers = [(200, {}), (200, {}), (200, {})]

    console.post("/sessions", {})
    console.post("/sessions", {})
    console.get("/me")

    first, second, read = (headers.get("idempotency-key") for _, _, headers, _ in scripted.asked)
    assert first
    assert second
    assert first != second
    assert read is None


def test_a_lost_answer_is_asked_for_again_under_the_same_name(scripted: Scripted) -> None:
    waited: list[float] = []
    busy = {"code": "idempotency_busy", "title": "…", "status": 409}
    scripted.answers = [(503, b"<html>"), (409, busy), (200, {"id": "X"})]
    console = Console(Login(scripted.address, "t"), language=Language.FRENCH, wait=waited.append)

    assert console.post("/sessions", {"case": "C-1"}) == {"id": "X"}
    console.close()
    assert len({headers["idempotency-key"] for _, _, headers, _ in scripted.asked}) == 1
    assert len({json.dumps(body) for *_, body in scripted.asked}) == 1
    assert waited == [0.5, 1.0]


def test_a_console_that_stays_away_is_unreachable_after_some_tries(scripted: Scripted) -> None:
    waited: list[float] = []
    scripted.answers = [(502, b"<html>")] * 5
    console = Console(Login(scripted.address, "t"), language=Language.FRENCH, wait=waited.append)

    with pytest.raises(UnreachableError):
        console.post("/sessions", {})
    console.close()
    assert len(scripted.asked) == 5
    assert waited == [0.5, 1.0, 2.0, 4.0]


def test_what_never_left_is_not_tried_again() -> None:
    waited: list[float] = []
    login = Login(f"http://127.0.0.1:{free_port()}", "t")
    console = Console(login, language=Language.FRENCH, wait=waited.append)

    with pytest.raises(UnreachableError):
        console.post("/sessions", {})
    console.close()
    assert waited == []
