"""Journal entries in the words of their reader."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bedside.console.journal.queries import ShownEntry
from bedside.console.pages.details import Detail, detail_words
from bedside.console.pages.words import OBJECTS, OUTCOMES, language
from bedside.language import action_sentence, gate_sentence
from bedside.vocabulary import Gate, JournalAction, Outcome

__all__ = ["EntryWords", "shown_entries", "shown_entry"]

_TONES = {
    Outcome.SUCCESS: ("good", "check"),
    Outcome.REFUSED: ("wait", "ban"),
    Outcome.FAILURE: ("bad", "x"),
}


@dataclass(frozen=True, slots=True)
class EntryWords:
    """An entry as a page shows it: the words for what it says, and the values it holds."""

    id: int
    sequence: int | None
    at_ms: int
    title: str
    action: str
    actor: str
    actor_id: str
    person: bool
    object_kind: str
    object_id: str
    object_name: str
    """What kind of thing it is, in words."""
    object_title: str
    """The thing's own name, where the entry tells it."""
    device: str
    session: str
    case: str
    outcome: str
    tone: str
    icon: str
    gate: str
    details: tuple[Detail, ...]
    withheld: tuple[str, ...]

    @property
    def short_details(self) -> tuple[Detail, ...]:
        """What a line holds."""
        return tuple(each for each in self.details if not each.long)

    @property
    def long_details(self) -> tuple[Detail, ...]:
        """What is folded away: texts for machines."""
        return tuple(each for each in self.details if each.long)


def shown_entries(entries: Iterable[ShownEntry], *, brief: bool = False) -> list[EntryWords]:
    """Return entries in the words of the page's language; `brief` for a session's own page."""
    return [shown_entry(entry, brief=brief) for entry in entries]


def shown_entry(entry: ShownEntry, *, brief: bool = False) -> EntryWords:
    """Return one entry in the words of the page's language."""
    view = entry.view
    actor, thing, detail = view["actor"] or {}, view["object"] or {}, view["detail"]
    outcome = Outcome(view["outcome"])
    tone, icon = _TONES[outcome]
    kind, name = str(thing.get("kind", "")), str(thing.get("id", ""))
    return EntryWords(
        id=entry.id,
        sequence=entry.sequence,
        at_ms=entry.at_ms,
        title=action_sentence(JournalAction(view["action"]), language()),
        action=view["action"],
        actor=str(actor.get("name", "")),
        actor_id=str(actor.get("id", "")),
        person=actor.get("kind") == "person",
        object_kind=kind,
        object_id=name,
        object_name=str(OBJECTS.get(kind, kind)),
        object_title=_title(kind, name, view),
        device=name if kind == "device" else str(detail.get("device") or ""),
        session=view["session"] or "",
        case=view["case"] or "",
        outcome=str(OUTCOMES[outcome]),
        tone=tone,
        icon=icon,
        gate=gate_sentence(Gate(view["gate"]), language()) if view["gate"] else "",
        details=detail_words(detail, brief=brief),
        withheld=tuple(view["withheld"]),
    )


def _title(kind: str, name: str, view: dict[str, Any]) -> str:
    if kind != "person":
        return ""
    actor = view["actor"] or {}
    return (
        str(actor.get("name", ""))
        if actor.get("id") == name
        else str(view["detail"].get("name") or "")
    )
