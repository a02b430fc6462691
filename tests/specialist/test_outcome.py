"""How a session ended is asked of a console that may learn of it later; the console is scripted."""

import socket
from pathlib import Path

import pytest

from bedside.language import Language
from bedside.specialist.outcome import Inquiry, pause_after
from bedside.specialist.store import Login, save_login
from bedside.vocabulary import SessionId
from tests.specialist.test_api import Scripted, scripted
from tests.specialist.test_waiting import session

__all__ = ["scripted"]

SESSION = SessionId("01JD0000000000000000000000")
LIVE = (200, session("live_control"))
STOPPED = (200, session("ended") | {"ending": "relay_stopped"})


class Clock:
    """Time that passes only where somebody waits."""

    inquiry: Inquiry

    def __init__(self, login: Path) -> None:
        self.login = login
        self.now_s = 0.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_s += seconds

    def ask(self, *, within_s: float) -> str | None:
        self.inquiry = Inquiry(SESSION, Language.ENGLISH, within_s=within_s)
        return self.inquiry.run(wait=self.wait, clock=lambda: self.now_s)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripted: Scripted) -> Clock:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path))
    clock = Clock(tmp_path / "config" / "login.json")
    save_login(clock.login, Login(scripted.address, "t"))
    return clock


def test_the_pauses_grow_and_end_with_the_time() -> None:
    assert [pause_after(looks, left_s=60) for looks in (1, 2, 3, 4, 5, 99)] == [
        0.25, 0.5, 1.0, 2.0, 2.0, 2.0
    ]  # fmt: skip
    assert pause_after(4, left_s=0.5) == 0.5
    assert pause_after(1, left_s=0) is None


@pytest.mark.parametrize("behind", [0, 1, 5])
def test_it_is_asked_until_the_console_knows_and_no_longer(
    clock: Clock, scripted: Scripted, behind: int
) -> None:
    scripted.answers = [*[LIVE] * behind, STOPPED, LIVE]

    over = clock.ask(within_s=8)

    assert over == "This session is over. Ended: the relay was stopped as planned."
    assert scripted.answers == [LIVE]
    assert len(clock.waits) == behind


@pytest.mark.parametrize(("within_s", "looks"), [(0, 1), (3, 5), (8, 8)])
def test_a_console_that_never_knows_is_asked_for_so_long(
    clock: Clock, scripted: Scripted, within_s: float, looks: int
) -> None:
    scripted.answers = [LIVE] * 50

    assert clock.ask(within_s=within_s) is None
    assert not clock.inquiry.is_silent
    assert len(scripted.asked) == looks
    assert sum(clock.waits) == within_s


def test_a_console_that_starts_anew_is_asked_again(clock: Clock, scripted: Scripted) -> None:
    scripted.answers = [(503, b"<html>"), (500, {"title": "x"}), STOPPED]

    assert clock.ask(within_s=8) is not None


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_console_that_refuses_is_not_asked_again(
    clock: Clock, scripted: Scripted, status: int
) -> None:
    scripted.answers = [(status, {"reasons": [{"gate": "lock"}]}), STOPPED]

    assert clock.ask(within_s=8) is None
    assert not clock.inquiry.is_silent
    assert len(scripted.asked) == 1


def test_a_console_that_only_fails_is_silent(clock: Clock, scripted: Scripted) -> None:
    scripted.answers = [(503, b"<html>")] * 50

    assert clock.ask(within_s=3) is None
    assert clock.inquiry.is_silent


def test_whoever_waits_for_a_console_that_says_nothing_waits_no_longer_than_they_say(
    clock: Clock,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:  # accepts, and is read by none
        save_login(clock.login, Login(f"http://127.0.0.1:{nobody.getsockname()[1]}", "t"))
        inquiry = Inquiry(SESSION, Language.ENGLISH, within_s=3600)
        inquiry.begin()
        nobody.accept()[0].close()
        assert inquiry.answer(within_s=0.1) is None
        assert inquiry.is_silent


def test_without_a_login_nobody_is_asked(
    clock: Clock, scripted: Scripted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BEDSIDE_HOME", str(tmp_path / "other"))

    assert clock.ask(within_s=8) is None
    assert not clock.inquiry.is_silent
    assert (scripted.asked, clock.waits) == ([], [])
