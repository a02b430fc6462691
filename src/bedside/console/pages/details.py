"""What stands in an entry's details, in words: a name for each, and its value as one would say it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from bedside.console.pages.words import (
    ACCESS_HELP,
    MODE_HELP,
    OBJECTS,
    ROLES,
    bytes_text,
    language,
    minutes_text,
)
from bedside.language import country_name, ending_sentence, state_sentence
from bedside.vocabulary import AccessKind, Ending, Mode, Role, SessionState

__all__ = ["Detail", "detail_words"]

_NAMES = {
    "access": _("access"),
    "address": _("from"),
    "attempts": _("attempts"),
    "bytes": _("size"),
    "bytes_from_device": _("from the device"),
    "bytes_from_specialist": _("to the device"),
    "channel": _("channel"),
    "code_id": _("code"),
    "command": _("command"),
    "configuration": _("configuration"),
    "count": _("count"),
    "country": _("country"),
    "data_item": _("data item"),
    "display_name": _("name"),
    "duration_s": _("at most"),
    "endpoint": _("endpoint"),
    "ending": _("ending"),
    "exit_status": _("exit status"),
    "file": _("file"),
    "head": _("head"),
    "host": _("host"),
    "kind": _("kind"),
    "level": _("level"),
    "limit": _("limit"),
    "method": _("by"),
    "mode": _("mode"),
    "name": _("name"),
    "path": _("path"),
    "poll_mode": _("poll mode"),
    "port": _("port"),
    "product": _("product"),
    "reason": _("reason"),
    "relay": _("relay"),
    "role": _("role"),
    "scope": _("scope"),
    "serial": _("serial number"),
    "sha256": _("SHA-256"),
    "signature": _("signature"),
    "site": _("site"),
    "size": _("size"),
    "state": _("state"),
    "ticket": _("change ticket"),
    "version": _("version"),
}
_BYTES = frozenset(
    {"bytes", "bytes_from_device", "bytes_from_specialist", "bytes_received", "bytes_sent"}
)
# What the page of a session says already.
_OF_SESSION = frozenset(
    {"access", "country", "duration_s", "level", "mode", "reason", "reason_code", "ticket"}
)
# Shown in columns of their own.
_ELSEWHERE = frozenset({"device", "reason_code"})
_DIGEST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Detail:
    """A detail's name and value, as shown."""

    name: str
    value: str


def detail_words(detail: Mapping[str, Any], *, brief: bool = False) -> tuple[Detail, ...]:
    """Return the details in words; `brief` leaves out what a session's page says elsewhere."""
    left_out = _ELSEWHERE | (_OF_SESSION if brief else frozenset())
    return tuple(
        Detail(str(_NAMES.get(name, name)), _value(name, value, brief=brief))
        for name, value in sorted(detail.items())
        if name not in left_out and value not in (None, "")
    )


def _value(name: str, value: Any, *, brief: bool) -> str:
    text = str(value)
    if name in _BYTES and isinstance(value, int):
        return bytes_text(value)
    if name == "duration_s" and isinstance(value, int):
        return minutes_text(value)
    if name == "country":
        return country_name(text, language())
    if brief and name in ("head", "sha256", "signature"):
        return text if len(text) <= _DIGEST_SHOWN else f"{text[:_DIGEST_SHOWN]}…"
    return _word(name, text)


def _word(name: str, text: str) -> str:
    # What an older or newer program wrote may not be in the vocabulary: then it stands as it is.
    try:
        match name:
            case "access":
                return str(ACCESS_HELP[AccessKind(text)][0])
            case "mode":
                return str(MODE_HELP[Mode(text)][0])
            case "ending":
                return ending_sentence(Ending(text), language())
            case "state":
                return state_sentence(SessionState(text), language())
            case "role":
                return str(ROLES[Role(text)])
            case "scope":
                return str(OBJECTS.get(text, text))
    except ValueError:
        return text
    return text
