"""The device's own journal, readable at the device without the manufacturer (S27)."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Button, DataTable, Label

from bedside.audit.entry import Entry, parse_entry
from bedside.language import N_, Language, action_sentence, gate_sentence, translator
from bedside.protocol import local
from bedside.protocol.codec import to_json
from bedside.vocabulary import Outcome

__all__ = ["JournalScreen"]

_MARK = {Outcome.SUCCESS: "✓", Outcome.REFUSED: "✖", Outcome.FAILURE: "!"}


class JournalScreen(Screen[None]):
    """A page of entries, newest first; the app fills it as the agent answers."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.pop_screen", show=False)]

    def __init__(self, language: Language) -> None:
        super().__init__()
        self._language = language
        self._say = translator(language, "bedside-panel")
        self.oldest: int | None = None

    def compose(self) -> ComposeResult:
        """Draw the table and the way back."""
        yield Label(self._say(N_("Journal of this device")), classes="state")
        yield DataTable(cursor_type="row", zebra_stripes=True, id="entries")
        with Horizontal(classes="choices"):
            yield Button("← " + self._say(N_("Back")), id="back", classes="large")
            yield Button("↓ " + self._say(N_("Older")), id="older", classes="large", disabled=True)

    def on_mount(self) -> None:
        """Name the columns."""
        table: DataTable[str] = self.query_one("#entries", DataTable)
        for name in (N_("No."), N_("Time"), N_("Who"), N_("What"), N_("Outcome")):
            table.add_column(self._say(name))
        table.focus()

    def add(self, page: local.JournalPage) -> None:
        """Add a page of entries below those shown."""
        table: DataTable[str] = self.query_one("#entries", DataTable)
        for read in page.entries:
            entry = parse_entry(to_json(read))
            self.oldest = entry.seq
            table.add_row(
                str(entry.seq),
                entry.time[:19].replace("T", " ") + " UTC",
                entry.actor.name,
                action_sentence(entry.action, self._language),
                self._outcome(entry),
            )
        self.query_one("#older", Button).disabled = not page.more

    def _outcome(self, entry: Entry) -> str:
        mark = _MARK[entry.outcome]
        if entry.gate is None:
            return mark
        return f"{mark} {gate_sentence(entry.gate, self._language)}"

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Go back; `older` is the app's, which talks to the agent."""
        if event.button.id == "back":
            event.stop()
            self.app.pop_screen()
