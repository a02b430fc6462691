"""Asking for help: what is wrong in a few choices, one press each (R14)."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, Input, Label

from bedside.language import N_, Language, help_name, translator
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

    def __init__(self, language: Language) -> None:
        super().__init__()
        self._language = language
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
        yield Button("← " + self._say(N_("Back")), id="back", classes="large")

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
