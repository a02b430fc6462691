"""What a computer without a session for a device says: ask first, and how the last one ended."""

import contextlib
from collections.abc import Callable
from datetime import datetime

from bedside.language import N_, Language, translator
from bedside.language.typography import minute_text
from bedside.specialist.api import Console, Json
from bedside.specialist.errors import CliError
from bedside.specialist.waiting import session_over
from bedside.vocabulary import SessionState

__all__ = ["no_session", "over_sentences"]


def no_session(device: str, reach: Callable[[], Console], language: Language) -> CliError:
    """Return the error for a device without a session here, with the end of the person's last one.

    Args:
        device: the device's id, as it was typed.
        reach: gives a line to the console; whatever it and the console refuse is passed over, since
            nobody needs them to be told that they must ask.
        language: the person's.
    """
    say = translator(language, "bedside-cli")
    words = say(N_("There is no session for {device} on this computer. Ask first: bedside request"))
    sentences = [words.format(device=device.upper())]
    with contextlib.suppress(CliError):
        found = reach().get("/sessions", device=device.upper(), mine="true", limit="1")["items"]
        if found and found[0]["state"] == SessionState.ENDED:
            last = say(N_("Your last session there is over: {ending}"))
            sentences.append(last.format(ending=" ".join(over_sentences(found[0], language))))
    return CliError(*sentences)


def over_sentences(session: Json, language: Language) -> list[str]:
    """Return how a session ended, when, and whatever else is known of why."""
    sentences = list(session_over(session, language).sentences)
    if (ended_ms := session.get("ended_ms")) is not None:
        when = translator(language, "bedside-cli")(N_("That was at {time}."))
        at = datetime.fromtimestamp(ended_ms / 1000).astimezone()
        sentences.insert(1, when.format(time=minute_text(at, language)))
    return sentences
