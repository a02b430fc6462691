"""Asking for help: what is wrong in a few choices, one press each (R14); and whom to call (S55)."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, Input, Label, Static

from bedside.language import N_, Language, help_name, translator
from bedside.protocol.support import SupportContact
from bedside.site.hours import hours_words
from bedside.vocabulary import HelpTopic

__all__ = ["HelpScreen"]

_LONGEST_NAME = 80


class HelpScreen(Screen[None]):
    """The choices; a press is the request, and a name may stand with it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.pop_screen", show=False)]

    class Asked(Message):
        """Somebody pressed one of the choices."""

        def __init__(self, topic: HelpTopic, name: str) -> None:
            super().__init__()
            self.topic = topic
            self.name = name

    def __init__(self, language: Language, contacts: Sequence[SupportContact] = ()) -> None:
        super().__init__()
        self._language = language
        self._contacts = contacts
        self._say = translator(language, "bedside-panel")

    def compose(self) -> ComposeResult:
        """Draw the choices, the name that may be given, and the way back."""
        yield Label(self._say(N_("What is wrong?")), classes="state")
        with VerticalScroll(classes="facts"):
            for topic in HelpTopic:
                label = "? " + help_name(topic, self._language)
                yield Button(label, id=f"help-{topic.value}", classes="large topic")
            yield Label(self._say(N_("Your name, if you wish to be called by it:")))
            yield Input(id="helper", max_length=_LONGEST_NAME)
        for contact in self._contacts:
            yield Static(self._call(contact), classes="contact", markup=False)
        yield Button("← " + self._say(N_("Back")), id="back", classes="large")

    def _call(self, contact: SupportContact) -> str:
        """Return whom to call, which needs no network of the device's."""
        lines = [
            self._say(N_("Or call: {name}")).format(name=contact.name),
            self._say(N_("Telephone: {number}")).format(number=contact.telephone),
        ]
        if contact.hours:
            hours = hours_words(contact.hours, self._language)
            lines.append(self._say(N_("Hours: {hours}")).format(hours=hours))
        if contact.email:
            lines.append(self._say(N_("E-mail: {address}")).format(address=contact.email))
        return "\n".join(lines)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Ask, or go back."""
        pressed = event.button.id or ""
        if pressed == "back":
            event.stop()
            self.app.pop_screen()
        elif pressed.startswith("help-"):
            event.stop()
            name = self.query_one("#helper", Input).value.strip()
            self.post_message(self.Asked(HelpTopic(pressed.removeprefix("help-")), name))
