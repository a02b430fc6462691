"""How a session ended, by the console: asked until it knows, for some seconds at the most.

A console may learn of an ending after the tunnel's leg has closed: the relay that stops, or the
device, tells it in a message of its own.
"""

import contextlib
import time
from collections.abc import Callable, Iterator

from bedside.language import N_, Language, translator
from bedside.specialist.api import TIMEOUT_S, Console
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.errors import (
    BadAddressError,
    CliError,
    NotFoundError,
    NotLoggedInError,
    RefusedError,
)
from bedside.specialist.lately import over_sentences
from bedside.specialist.store import load_login
from bedside.vocabulary import SessionId, SessionState

__all__ = ["ANSWER_S", "FOR_GOOD", "console_of", "how_it_ended", "pause_after"]

_FIRST_S = 0.25
_LONGEST_S = 2.0
ANSWER_S = 5.0
"""How long the console may be silent while a person waits for one word of it (seconds)."""
FOR_GOOD = (BadAddressError, NotFoundError, NotLoggedInError, RefusedError)
"""What a console says that it will say again."""


def pause_after(looks: int, *, left_s: float) -> float | None:
    """Return the seconds to wait before the console is asked again, None to leave it at that.

    Args:
        looks: how often it was asked.
        left_s: how long it may still be asked (seconds).
    """
    if left_s <= 0:
        return None
    return min(_FIRST_S * 2.0 ** min(looks - 1, 8), _LONGEST_S, left_s)


@contextlib.contextmanager
def console_of(language: Language, *, answer_s: float = TIMEOUT_S) -> Iterator[Console | None]:
    """Have a line to the console where this person is logged in, None without a login.

    `answer_s` is how long the console may be silent, seconds. Raises BadAddressError.
    """
    login = load_login(SpecialistConfig.from_environment().login)
    if login is None:
        yield None
        return
    console = Console(login, language=language, answer_s=answer_s)
    try:
        yield console
    finally:
        console.close()


def how_it_ended(
    session: SessionId,
    language: Language,
    *,
    within_s: float = 0.0,
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str | None:
    """Return how the session ended, None where it has not, or where the console cannot be asked.

    Args:
        session: which session.
        language: the person's.
        within_s: for how long to ask again, seconds, later each time; 0 asks once.
        wait: waits for some seconds.
        clock: the time in seconds, from any beginning.
    """
    until, looks = clock() + within_s, 0
    with contextlib.suppress(*FOR_GOOD), console_of(language, answer_s=ANSWER_S) as console:
        while console is not None:
            if (sentence := _look(console, session, language)) is not None:
                return sentence
            looks += 1
            if (pause := pause_after(looks, left_s=until - clock())) is None:
                return None
            wait(pause)
    return None


def _look(console: Console, session: SessionId, language: Language) -> str | None:
    try:
        told = console.get(f"/sessions/{session}")
    except FOR_GOOD:
        raise
    except CliError:
        return None  # it may start anew at this moment, as the relay does
    if told["state"] != SessionState.ENDED:
        return None
    over = translator(language, "bedside-cli")(N_("This session is over."))
    return " ".join([over, *over_sentences(told, language)])
