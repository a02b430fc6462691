"""What a person sees while a request waits: what is settled, what it waits for, for how long."""

import contextlib
import time
from collections.abc import Callable

from rich.console import Console as Terminal
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from bedside.language import (
    N_,
    Language,
    access_name,
    country_name,
    ending_sentence,
    gate_advice,
    gate_sentence,
    mode_name,
    state_sentence,
    translator,
)
from bedside.specialist.api import Console, Json
from bedside.specialist.errors import (
    CliError,
    KeyRefusedError,
    SessionOverError,
    UnreachableError,
)
from bedside.vocabulary import AccessKind, Ending, Gate, Mode, SessionState

__all__ = [
    "AT_THE_SITE",
    "READY",
    "News",
    "second_words",
    "session_over",
    "wait_until_open",
    "waiting_words",
]

READY = frozenset(
    {
        SessionState.CONNECTING,
        SessionState.AUTHENTICATING,
        SessionState.LIVE_VIEW,
        SessionState.LIVE_CONTROL,
    }
)
AT_THE_SITE = frozenset({SessionState.REQUESTED, SessionState.AWAITING_SITE})
"""No order is on its way yet: there is nothing to connect to."""
_ANSWERED = (SessionState.CONNECTING, SessionState.AUTHENTICATING)
POLL_S = 1.0
"""How often the command line asks how a request stands (seconds)."""


def session_over(session: Json, language: Language) -> SessionOverError:
    """Return the error that says how a session ended, at which gate, and the site's own words."""
    say = translator(language, "bedside-cli")
    sentences = [ending_sentence(Ending(session["ending"]), language)]
    if session.get("gate"):
        gate = Gate(session["gate"])
        told = say(N_("refused by {gate}: {sentence} {advice}"))
        sentence, advice = gate_sentence(gate, language), gate_advice(gate, language)
        sentences.append(told.format(gate=gate.value, sentence=sentence, advice=advice))
    sentences += [
        say(N_("{name} of the site: {reason}")).format(name=each["name"], reason=each["reason"])
        for each in session.get("approvals", [])
        if each["reason"] and not each["approved"]
    ]
    return SessionOverError(*sentences)


def waiting_words(session: Json, *, now_ms: int, language: Language) -> str:
    """Return what a request waits for, since when, and how long it still may."""
    say = translator(language, "bedside-cli")
    state = SessionState(session["state"])
    reached = [step["at_ms"] for step in session["timeline"] if step["state"] == state]
    since_s = max(0, now_ms - (reached or [session["requested_ms"]])[-1]) // 1000
    left_s = max(0, session["answer_by_ms"] - now_ms) // 1000
    since = say(N_("for {seconds} s")) if since_s < 60 else say(N_("for {minutes} min {seconds} s"))
    return " · ".join(
        (
            state_sentence(state, language),
            since.format(minutes=since_s // 60, seconds=since_s % 60),
            say(N_("{minutes} min {seconds} s left")).format(
                minutes=left_s // 60, seconds=left_s % 60
            ),
        )
    )


def second_words(language: Language) -> str:
    """Return what comes after the operator's consent: the device asks, and only it can check."""
    return translator(language, "bedside-cli")(
        N_(
            "Allowed at the device. It asks for its support credential, and for the code that the "
            "operator reads out."
        )
    )


class News:
    """What to say of a session in plain lines: one for each state, when it is reached."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._said: SessionState | None = None

    def line(self, session: Json, *, now_ms: int) -> str | None:
        """Return the line for a session that reached a new state; None when nothing is new."""
        state = SessionState(session["state"])
        if state is self._said:
            return None
        self._said = state
        if state in _ANSWERED:
            return second_words(self._language)
        if state in READY or state is SessionState.ENDED:
            return None
        return waiting_words(session, now_ms=now_ms, language=self._language)


class _Picture:
    """The table of a request, drawn anew at each look."""

    def __init__(self, session: Json, language: Language) -> None:
        self.session = session
        self._language = language
        self._say = translator(language, "bedside-cli")
        self._spinner = Spinner("dots")

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, value in self._facts():
            table.add_row(Text(name, style="bold"), Text(value))
        for line in self.session["timeline"]:
            table.add_row(Text("✓", style="green"), Text(line["words"]))
        if self.session["state"] not in READY and self.session["state"] != SessionState.ENDED:
            table.add_row(self._spinner, Text(self._waiting()))
        return table

    def _facts(self) -> list[tuple[str, str]]:
        session, device, you = self.session, self.session["device"], self.session["person"]
        where = " · ".join((device["id"], device["display_name"], device["site"]["name"]))
        wanted = " · ".join(
            (
                access_name(AccessKind(session["access"]), self._language),
                mode_name(Mode(session["mode"]), self._language),
            )
        )
        level = self._say(N_("level {level}")).format(level=you["level"])
        who = " · ".join((you["name"], level, country_name(you["country"], self._language)))
        return [
            (self._say(N_("Device")), where),
            (self._say(N_("You")), who),
            (self._say(N_("Access")), wanted),
        ]

    def _waiting(self) -> str:
        return waiting_words(self.session, now_ms=_now_ms(), language=self._language)


def wait_until_open(
    console: Console,
    session: Json,
    *,
    terminal: Terminal,
    language: Language,
    ordered: Callable[[], None] = lambda: None,
    wait: Callable[[float], None] = time.sleep,
) -> Json:
    """Show how the request stands until somebody lets the person in.

    A picture that is drawn anew on a terminal; elsewhere a line for each new state. `ordered` is
    called when the order is on its way and there is something to connect to, and again when the
    device has come to another relay. Returns the session once the operator has answered; raises
    SessionOverError when it ends first.
    """
    relay = None
    picture, news = _Picture(session, language), News(language)
    live = Live(picture, console=terminal, refresh_per_second=8) if terminal.is_terminal else None
    with live or contextlib.nullcontext():
        while (state := SessionState(picture.session["state"])) not in READY:
            if state is SessionState.ENDED:
                raise session_over(picture.session, language)
            if state not in AT_THE_SITE and picture.session["relay"] != relay:
                # Where it cannot follow now, it tries again: what it has may yet be good.
                with contextlib.suppress(UnreachableError) if relay else contextlib.nullcontext():
                    _connect(console, picture.session, language, ordered)
                    relay = picture.session["relay"]
            line = news.line(picture.session, now_ms=_now_ms())
            if line and live is None:
                terminal.print(line, highlight=False, markup=False, soft_wrap=True)
            wait(POLL_S)
            picture.session = console.get(f"/sessions/{session['id']}")
    if picture.session["relay"] != relay:
        _connect(console, picture.session, language, ordered)
    return picture.session


def _connect(
    console: Console, session: Json, language: Language, ordered: Callable[[], None]
) -> None:
    """Call `ordered`; where the session has ended in between, that is why it could not."""
    try:
        ordered()
    except KeyRefusedError:
        raise
    except CliError as error:
        latest = console.get(f"/sessions/{session['id']}")
        if latest["state"] == SessionState.ENDED:
            raise session_over(latest, language) from error
        raise


def _now_ms() -> int:
    return int(time.time() * 1000)
