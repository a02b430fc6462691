"""The panel: the one place where somebody lets a specialist in, watches, and stops.

It draws what the agent says and passes on what a person pressed. Input from a session never
reaches it: its only line is the agent's Unix socket, and its only keys are the device's own.
"""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.css.query import NoMatches
from textual.widgets import Button, Input, Label, Static

from bedside.language import N_, Language, translator
from bedside.panel.faces import Face, Lost, face_of, indicator
from bedside.panel.help import HelpScreen
from bedside.panel.journal import JournalScreen
from bedside.panel.keyboard import Keyboard
from bedside.panel.link import AgentLink, AgentUnreachableError
from bedside.protocol import local
from bedside.protocol.support import SupportContact
from bedside.vocabulary import Activity

__all__ = ["PanelApp"]

PAGE = 50
"""Entries of the journal asked for at once."""
TICK_S = 0.5


class PanelApp(App[None]):
    """The panel on one device.

    Args:
        socket: the agent's Unix socket.
        language: the language at start; None takes the site's from the agent.
        clock: unix time in seconds, for the bars that run out.
    """

    CSS_PATH = "panel.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", show=False),
        Binding("f2", "journal", show=False),
        Binding("f3", "language", show=False),
        Binding("f10", "stop", show=False, priority=True),
    ]

    def __init__(
        self,
        socket: Path,
        *,
        language: Language | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._chosen = language
        self.language = language or Language.ENGLISH
        self._link = AgentLink(socket, language=self.language)
        self._clock = clock
        self._ahead_ms = 0
        self.status: local.Status | None = None
        # Kept while the agent is away: that is when somebody needs a telephone.
        self._contacts: tuple[SupportContact, ...] = ()

    def compose(self) -> ComposeResult:
        """Draw the frame: what is always there around the face."""
        with Horizontal(id="top"):
            yield Label("", id="indicator")
            yield Button("", id="help", classes="corner")
            yield Button("", id="journal", classes="corner")
            yield Button("", id="language", classes="corner")
        yield Static("", id="notice", markup=False)
        yield Container(Lost(self.language), id="stage")
        yield Button("", id="stop", classes="stop")

    def on_mount(self) -> None:
        """Start listening to the agent, and let time pass."""
        self._redraw_frame()
        self.set_interval(TICK_S, self._tick)
        self.run_worker(self._listen(), exclusive=True)

    # ---- what the agent says ----

    async def _listen(self) -> None:
        async for message in self._link.messages(lost=self._lost):
            await self._take(message)

    async def _lost(self) -> None:
        if self.status is not None or not self.query("Lost"):
            self.status = None
            await self._show(Lost(self.language))
        self._redraw_frame()

    async def _take(self, message: local.FromAgent) -> None:
        match message:
            case local.Status():
                await self._take_status(message)
            case local.JournalPage() if isinstance(self.screen, JournalScreen):
                self.screen.add(message)
            case local.Failed():
                self._notice(message.sentence)

    async def _take_status(self, status: local.Status) -> None:
        before = self.status
        self.status, self._contacts = status, status.contacts
        self._ahead_ms = status.now_ms - int(self._clock() * 1000)
        if before is None and self._chosen is None:
            self.language = status.site.language
        await self._show(face_of(status, self.language))
        self._redraw_frame()
        if status.request is not None and (before is None or before.request is None):
            self._call_attention()

    def _call_attention(self) -> None:
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self.bell()

    async def _show(self, face: Face | Lost) -> None:
        stage = self.screen_stack[0].query_one("#stage", Container)
        shown = next(iter(stage.children), None)
        if isinstance(shown, Face) and isinstance(face, Face) and shown.key == face.key:
            shown.renew(face.sight)
            return
        await stage.remove_children()
        await stage.mount(face)
        for first in face.query("Input, Button"):
            first.focus()
            break

    # ---- the frame ----

    def _redraw_frame(self) -> None:
        base, say = self.screen_stack[0], translator(self.language, "bedside-panel")
        activity = self.status.activity if self.status else Activity.IDLE
        base.set_classes(activity.value if self.status else "lost")
        words = indicator(self.status, self.language) if self.status else "✖"
        base.query_one("#indicator", Label).update(words)
        base.query_one("#help", Button).label = say(N_("Help"))
        base.query_one("#journal", Button).label = say(N_("Journal"))
        base.query_one("#language", Button).label = (
            "English" if self.language is Language.FRENCH else "Français"
        )
        stop = base.query_one("#stop", Button)
        stop.label = "■ " + say(N_("STOP: end the session now"))
        stop.display = activity not in (Activity.IDLE, Activity.ASKED)

    def _notice(self, sentence: str) -> None:
        self.screen_stack[0].query_one("#notice", Static).update(sentence)

    def _tick(self) -> None:
        now_ms = int(self._clock() * 1000) + self._ahead_ms
        for face in self.screen_stack[0].query(Face):
            try:
                face.tick(now_ms)
            except NoMatches:
                # The face is being replaced at this very moment: the next one ticks.
                continue

    # ---- what a person does ----

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        """Do what the button says."""
        acts: dict[str, Callable[[], Awaitable[None]]] = {
            "allow": self._allow,
            "refuse": self._refuse,
            "verified": self._verified,
            "stop": self.action_stop,
            "help": self.action_help,
            "journal": self.action_journal,
            "older": self._older,
            "language": self.action_language,
            "keyboard": self._toggle_keyboard,
        }
        if event.button.id in acts:
            await acts[event.button.id]()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Without a name nothing can be allowed."""
        for button in self.query("#allow, #verified").results(Button):
            button.disabled = not event.value.strip()

    async def on_keyboard_pressed(self, event: Keyboard.Pressed) -> None:
        """Write on the name what was touched."""
        for field in self.query("#name").results(Input):
            field.value = field.value[:-1] if event.key == "⌫" else field.value + event.key

    async def _toggle_keyboard(self) -> None:
        shown = self.query(Keyboard)
        if shown:
            await shown.remove()
        else:
            await self.query_one("#stage", Container).mount(Keyboard())

    def _typed_name(self) -> str:
        return self.query_one("#name", Input).value.strip()

    async def _send(self, command: local.FromPanel) -> None:
        self._notice("")
        try:
            await self._link.send(command)
        except AgentUnreachableError:
            say = translator(self.language, "bedside-panel")
            self._notice(say(N_("The remote service of this device does not answer.")))

    async def _allow(self) -> None:
        if self.status and self.status.request and self._typed_name():
            session = self.status.request.session
            await self._send(
                local.Accept(id=self._link.next_id(), session=session, name=self._typed_name())
            )

    async def _refuse(self) -> None:
        if self.status and self.status.request:
            session = self.status.request.session
            await self._send(local.Refuse(id=self._link.next_id(), session=session))

    async def _verified(self) -> None:
        if self.status and self.status.verification and self._typed_name():
            session = self.status.verification.session
            await self._send(
                local.Verified(id=self._link.next_id(), session=session, name=self._typed_name())
            )

    async def action_stop(self) -> None:
        """End whatever is open, now (R13)."""
        await self._send(local.Stop(id=self._link.next_id()))

    async def action_help(self) -> None:
        """Choose what help is needed for."""
        if not isinstance(self.screen, HelpScreen):
            await self.push_screen(HelpScreen(self.language, self._contacts))

    async def on_help_screen_asked(self, event: HelpScreen.Asked) -> None:
        """Pass on what was chosen, and show the face again: it says that help was asked for."""
        self.pop_screen()
        await self._send(local.AskHelp(id=self._link.next_id(), topic=event.topic, name=event.name))

    async def action_journal(self) -> None:
        """Open the device's journal."""
        if not isinstance(self.screen, JournalScreen):
            await self.push_screen(JournalScreen(self.language))
            await self._send(local.JournalQuery(id=self._link.next_id(), before=None, limit=PAGE))

    async def _older(self) -> None:
        if isinstance(self.screen, JournalScreen):
            await self._send(
                local.JournalQuery(id=self._link.next_id(), before=self.screen.oldest, limit=PAGE)
            )

    async def action_language(self) -> None:
        """Change to the other language, at once and everywhere."""
        self.language = Language.ENGLISH if self.language is Language.FRENCH else Language.FRENCH
        self._chosen = self.language
        if self.status is not None:
            await self._show(face_of(self.status, self.language))
        else:
            await self._show(Lost(self.language))
        self._redraw_frame()
