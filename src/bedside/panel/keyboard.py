"""A keyboard on the glass, for a device that has none: enough to write a name."""

from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.message import Message
from textual.widgets import Button

__all__ = ["Keyboard"]

ROWS = ("ABCDEFGHIJ", "KLMNOPQRST", "UVWXYZÉÈÇÔ", "-'. ⌫")


class Keyboard(Vertical):
    """Large keys; each press is a `Pressed` message, the last key takes one letter back."""

    class Pressed(Message):
        """One key: a letter, or `⌫`."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def compose(self) -> ComposeResult:
        """Draw the keys."""
        for row in ROWS:
            with Grid(classes="keys"):
                for key in row:
                    yield Button("␣" if key == " " else key, name=key, classes="key")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Pass one key on, and no further."""
        event.stop()
        self.post_message(self.Pressed(event.button.name or ""))
