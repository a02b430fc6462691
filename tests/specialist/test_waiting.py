"""What a request waits for, and how one that ended is told: the gate by its name, what to do next."""

import io
from collections.abc import Iterator

import pytest
from rich.console import Console as Terminal

from bedside.language import Language
from bedside.specialist.api import Console
from bedside.specialist.errors import CliError, ExitCode, SessionOverError
from bedside.specialist.store import Login
from bedside.specialist.waiting import (
    News,
    second_words,
    session_over,
    wait_until_open,
    waiting_words,
)
from tests.specialist.test_api import Scripted, scripted

__all__ = ["scripted"]

ASKED_MS = 1_795_435_200_000


def session(state, *, ending=None, relay="a"):
    step = {"at_ms": ASKED_MS, "state": state, "words": "x"}
    site = {"name": "Hôpital Notre-Dame"}
    return {
        "id": "01JD0000000000000000000000",
        "state": state,
        "ending": ending,
        "gate": None,
        "device": {"id": "CI-20417", "display_name": "Injector", "site": site},
        "person": {"name": "Marie Tremblay", "level": 2, "country": "US"},
        "access": "system",
        "mode": "control",
        "requested_ms": ASKED_MS - 1000,
        "answer_by_ms": ASKED_MS + 120_000,
        "relay": None if state == "awaiting_site" else relay,
        "timeline": [step],
    }


@pytest.mark.parametrize(
    ("language", "refused_by"),
    [(Language.ENGLISH, "refused by consent: "), (Language.FRENCH, "refusée par consent : ")],
)
def test_a_gate_that_refused_is_named(language, refused_by):
    error = session_over({"ending": "refused", "gate": "consent"}, language)

    assert error.exit_code is ExitCode.SESSION_OVER
    assert error.sentences[1].startswith(refused_by)


def test_why_the_site_refused_is_said_in_its_own_words():
    said = {"name": "Julie Gagnon", "approved": False, "reason": "Pas avant midi"}
    yes = {"name": "Paul Roy", "approved": True, "reason": ""}
    session = {"ending": "refused", "gate": "site_approval", "approvals": [yes, said]}

    error = session_over(session, Language.FRENCH)

    assert error.sentences[2:] == ("Julie Gagnon, de l’établissement : Pas avant midi",)


def test_an_ending_without_a_gate_is_one_sentence():
    error = session_over({"ending": "by_operator", "gate": None}, Language.ENGLISH)

    assert len(error.sentences) == 1


# ---- while it waits ----


@pytest.fixture
def console(scripted: Scripted) -> Iterator[Console]:
    console = Console(Login(scripted.address, "t"), language=Language.ENGLISH)
    yield console
    console.close()


def test_what_is_waited_for_since_when_and_for_how_long():
    asked = session("awaiting_operator")
    say = [
        waiting_words(asked, now_ms=ASKED_MS + after, language=Language.ENGLISH)
        for after in (6_000, 66_000, 500_000)
    ]
    assert say[0] == "Waiting for the operator at the device · for 6 s · 1 min 54 s left"
    assert say[1].endswith("for 1 min 6 s · 0 min 54 s left")
    assert say[2].endswith("0 min 0 s left")


def test_a_line_for_each_state_once_and_then_the_second_authentication():
    news = News(Language.ENGLISH)
    states = [
        "routed",
        "routed",
        "awaiting_operator",
        "awaiting_operator",
        "connecting",
        "live_view",
    ]
    lines = [news.line(session(state), now_ms=ASKED_MS) for state in states]
    assert [line and line.split(" · ")[0] for line in lines] == [
        "On its way to the device",
        None,
        "Waiting for the operator at the device",
        None,
        second_words(Language.ENGLISH),
        None,
    ]


def test_somebody_who_is_live_already_is_told_nothing():
    assert News(Language.ENGLISH).line(session("live_control"), now_ms=ASKED_MS) is None


def test_off_a_terminal_there_is_a_line_for_each_state_and_no_more(
    scripted: Scripted, console: Console
) -> None:
    states = ["routed", "awaiting_operator", "awaiting_operator", "connecting"]
    scripted.answers = [(200, session(state)) for state in states]
    out = io.StringIO()

    found = wait_until_open(
        console,
        session("routed"),
        terminal=Terminal(file=out),
        language=Language.ENGLISH,
        wait=lambda _: None,
    )

    assert found["state"] == "connecting"
    lines = out.getvalue().splitlines()
    assert [line.split(" · ")[0] for line in lines] == [
        "On its way to the device",
        "Waiting for the operator at the device",
    ]


@pytest.mark.parametrize(
    ("first", "then", "left"),
    [
        ("awaiting_site", ["awaiting_site", "routed", "connecting"], 1),
        ("awaiting_site", ["live_view"], 0),
        ("routed", ["awaiting_operator", "connecting"], 2),
        ("connecting", [], 0),
    ],
)
def test_it_is_connected_to_once_the_site_has_said_yes(
    scripted: Scripted, console: Console, first: str, then: list[str], left: int
) -> None:
    scripted.answers = [(200, session(state)) for state in then]
    called: list[int] = []

    wait_until_open(
        console,
        session(first),
        terminal=Terminal(file=io.StringIO()),
        language=Language.ENGLISH,
        ordered=lambda: called.append(len(scripted.answers)),
        wait=lambda _: None,
    )

    assert called == [left]


@pytest.mark.parametrize(
    ("relays", "connected"),
    [
        (["a", "b", "b", "b"], [3, 2]),
        # A device that was never seen: its order goes where it comes.
        ([None, None, "b", "b"], [1]),
        (["a", "a", "a", "b"], [3, 0]),
    ],
)
def test_it_is_connected_to_where_the_device_is_found(
    scripted: Scripted, console: Console, relays: list[str | None], connected: list[int]
) -> None:
    states = ["routed", "routed", "awaiting_operator", "connecting"]
    first, *then = [
        session(state, relay=relay) for state, relay in zip(states, relays, strict=True)
    ]
    scripted.answers = [(200, each) for each in then]
    called: list[int] = []

    wait_until_open(
        console,
        first,
        terminal=Terminal(file=io.StringIO()),
        language=Language.ENGLISH,
        ordered=lambda: called.append(len(scripted.answers)),
        wait=lambda _: None,
    )

    assert called == connected


def test_nothing_is_connected_to_where_the_site_says_no(
    scripted: Scripted, console: Console
) -> None:
    scripted.answers = [(200, session("ended", ending="refused"))]

    with pytest.raises(SessionOverError):
        wait_until_open(
            console,
            session("awaiting_site"),
            terminal=Terminal(file=io.StringIO()),
            language=Language.ENGLISH,
            ordered=lambda: pytest.fail("there is no order"),
            wait=lambda _: None,
        )


def test_on_a_terminal_it_is_a_picture(scripted: Scripted, console: Console) -> None:
    scripted.answers = [(200, session("connecting"))]
    out = io.StringIO()

    wait_until_open(
        console,
        session("awaiting_operator"),
        terminal=Terminal(file=out, force_terminal=True, width=120),
        language=Language.FRENCH,
        wait=lambda _: None,
    )

    assert "Marie Tremblay" in out.getvalue()


def test_a_session_that_ends_while_it_is_waited_for_says_how(
    scripted: Scripted, console: Console
) -> None:
    scripted.answers = [(200, session("ended", ending="refused"))]

    with pytest.raises(SessionOverError):
        wait_until_open(
            console,
            session("awaiting_operator"),
            terminal=Terminal(file=io.StringIO()),
            language=Language.ENGLISH,
            wait=lambda _: None,
        )


def test_what_has_ended_before_it_could_be_connected_to_says_how(
    scripted: Scripted, console: Console
) -> None:
    """The device may refuse an order within the moment that the connection takes."""

    def not_connectable() -> None:
        raise CliError("This session cannot be connected to now.")

    def wait_for(state: str, error: type[CliError]) -> None:
        scripted.answers = [(200, session(state, ending="refused" if state == "ended" else None))]
        with pytest.raises(error) as raised:
            wait_until_open(
                console,
                session("routed"),
                terminal=Terminal(file=io.StringIO()),
                language=Language.ENGLISH,
                ordered=not_connectable,
                wait=lambda _: None,
            )
        assert type(raised.value) is error

    wait_for("ended", SessionOverError)
    wait_for("awaiting_operator", CliError)
