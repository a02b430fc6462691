"""How a session ended, by the console: asked until it knows, for some seconds in all at the most.

A console may learn of an ending after the tunnel's leg has closed: the relay that stops, or the
device, tells it in a message of its own.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from bedside.language import N_, Language, translator
from bedside.specialist.api import TIMEOUT_S, Console, Json
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

__all__ = ["ANSWER_S", "FOR_GOOD", "Inquiry", "console_of", "ending_of", "pause_after"]

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


def ending_of(told: Json, language: Language) -> str | None:
    """Return how a session ended by what the console says of it, None where it has not ended."""
    if told.get("state") != SessionState.ENDED:
        return None
    over = translator(language, "bedside-cli")(N_("This session is over."))
    return " ".join([over, *over_sentences(told, language)])


class Inquiry:
    """The console, asked how a session ended until it knows, later each time.

    `begin` asks it aside: however silent the console is, or slow with its answer, nobody who waits
    for `answer` does so for longer than they say.

    Args:
        session: which session.
        language: the person's.
        within_s: for how long to ask again, seconds; 0 asks once.
    """

    def __init__(self, session: SessionId, language: Language, *, within_s: float) -> None:
        self._session = session
        self._language = language
        self._within_s = within_s
        self._asks = self._heard = False
        self._ending: str | None = None
        self._over = threading.Event()

    @property
    def is_silent(self) -> bool:
        """Whether the console was asked and has not said anything."""
        return self._asks and not self._heard

    def begin(self) -> None:
        """Ask aside."""
        threading.Thread(target=self._ask, daemon=True).start()

    def answer(self, *, within_s: float) -> str | None:
        """Return how the session ended as soon as that is known, None after `within_s` seconds.

        None as well, and at once, where the console cannot be asked or says no.
        """
        self._over.wait(max(within_s, 0.0))
        return self._ending

    def run(
        self,
        *,
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> str | None:
        """Ask here and now; returns how the session ended, None where that is not known.

        Args:
            wait: waits for some seconds.
            clock: the time in seconds, from any beginning.
        """
        until, looks = clock() + self._within_s, 0
        with (
            contextlib.suppress(*FOR_GOOD),
            console_of(self._language, answer_s=ANSWER_S) as console,
        ):
            self._asks = console is not None
            while console is not None:
                if (ending := self._look(console)) is not None:
                    return ending
                looks += 1
                if (pause := pause_after(looks, left_s=until - clock())) is None:
                    return None
                wait(pause)
        return None

    def _ask(self) -> None:
        try:
            self._ending = self.run()
        finally:
            self._over.set()

    def _look(self, console: Console) -> str | None:
        try:
            told = console.get(f"/sessions/{self._session}")
        except FOR_GOOD:
            self._heard = True
            raise
        except CliError:
            return None  # it may start anew at this moment, as the relay does
        self._heard = True
        return ending_of(told, self._language)
