"""What stands in an entry's details, in words: a name for each, and its value as one would say it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from bedside.console.pages.detail_names import NAMES, VALUES
from bedside.console.pages.words import (
    ACCESS_HELP,
    ACTIVITIES,
    MODE_HELP,
    OBJECTS,
    OUTCOMES,
    PERMISSIONS,
    ROLES,
    bytes_text,
    language,
    minutes_text,
)
from bedside.language import (
    country_name,
    ending_sentence,
    gate_sentence,
    help_name,
    site_action_name,
    state_sentence,
)
from bedside.vocabulary import (
    AccessKind,
    Activity,
    Ending,
    Gate,
    HelpTopic,
    Mode,
    Outcome,
    Permission,
    Role,
    SessionState,
    SiteAction,
)

__all__ = ["Detail", "detail_words"]

_BYTES = frozenset(
    {
        "bytes",
        "bytes_from_device",
        "bytes_from_specialist",
        "bytes_moved",
        "bytes_received",
        "bytes_sent",
        "max_bytes",
        "torn_bytes",
    }
)
_DURATIONS_MS = frozenset({"hold_ms", "retry_in_ms", "took_ms"})
_NONE_AS_ZERO = frozenset({"approved_until_ms", "level"})
_LONG = frozenset({"checkpoint", "consent", "key", "profile", "signature"})
_DIGESTS = frozenset(
    {"acknowledged_head", "digest", "hash", "head", "key_id", "previous_key_id", "root", "sha256"}
)
# What the page of a session says already.
_OF_SESSION = frozenset(
    {"access", "country", "duration_s", "level", "mode", "reason", "reason_code", "ticket"}
)
# Shown in columns of their own.
_ELSEWHERE = frozenset({"device", "reason_code"})
_DIGEST_SHOWN = 12
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Detail:
    """A detail's name and value, as shown.

    Where `at_ms` is set the value is that moment, which the page shows in its own zone; what is
    `long` is for machines, and folded away.
    """

    name: str
    value: str
    at_ms: int | None = None
    long: bool = False


def detail_words(detail: Mapping[str, Any], *, brief: bool = False) -> tuple[Detail, ...]:
    """Return the details in words; `brief` leaves out what a session's page says elsewhere."""
    left_out = _ELSEWHERE | (_OF_SESSION if brief else frozenset())
    return tuple(
        _detail(name, value, brief=brief)
        for name, value in sorted(detail.items())
        if name not in left_out and not _says_nothing(name, value)
    )


def _says_nothing(name: str, value: Any) -> bool:
    return value is None or value == "" or (name in _NONE_AS_ZERO and value == 0)


def _detail(name: str, value: Any, *, brief: bool) -> Detail:
    heading, text = str(NAMES.get(name, name)), str(value)
    if name.endswith("_ms") and name not in _DURATIONS_MS and isinstance(value, int):
        return Detail(heading, "", at_ms=value)
    if name in _LONG or len(text) > _LONGEST_SHOWN:
        return Detail(heading, text, long=True)
    if brief and name in _DIGESTS and len(text) > _DIGEST_SHOWN:
        return Detail(heading, f"{text[:_DIGEST_SHOWN]}…")
    return Detail(heading, _value(name, value))


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, int):
        return _number(name, value)
    text = str(value)
    if name == "country":
        return country_name(text, language())
    word = _WORDS.get(name)
    if word is None:
        return str(VALUES.get(name, {}).get(text, text))
    # What an older or newer program wrote may not be in the vocabulary: then it stands as it is.
    try:
        return ", ".join(word(each) for each in (text.split() if name in _LISTS else [text]))
    except (KeyError, ValueError):
        return text


def _number(name: str, value: int) -> str:
    if name in _BYTES:
        return bytes_text(value)
    if name == "duration_s":
        return minutes_text(value)
    if name == "idle_s":
        return gettext("%(seconds)s s") % {"seconds": value}
    if name in _DURATIONS_MS:
        return gettext("%(seconds)s s") % {"seconds": -(-value // 1000)}
    if name == "site_policy" and value == 0:
        return gettext("none")
    return str(value + 1 if name == "index" else value)  # people count from one


def _scope(text: str) -> str:
    """Return what a lock covers, or what a program may do."""
    if ":" in text:
        return ", ".join(str(PERMISSIONS[Permission(each)]) for each in text.split())
    return str(OBJECTS.get(text, text))


def _state(text: str) -> str:
    """Return a session's state; where help was asked, the gate that was shut."""
    states = {state.value for state in SessionState}
    if text in states:
        return state_sentence(SessionState(text), language())
    return gate_sentence(Gate(text), language())


_LISTS = frozenset({"actions"})
_WORDS: dict[str, Callable[[str], str]] = {
    "access": lambda text: str(ACCESS_HELP[AccessKind(text)][0]),
    "actions": lambda text: site_action_name(SiteAction(text), language()),
    "activity": lambda text: str(ACTIVITIES[Activity(text)]),
    "ending": lambda text: ending_sentence(Ending(text), language()),
    "gate": lambda text: gate_sentence(Gate(text), language()),
    "mode": lambda text: str(MODE_HELP[Mode(text)][0]),
    "outcome": lambda text: str(OUTCOMES[Outcome(text)]),
    "role": lambda text: str(ROLES[Role(text)]),
    "scope": _scope,
    "state": _state,
    "topic": lambda text: help_name(HelpTopic(text), language()),
}
