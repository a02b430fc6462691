"""What the panel shows, face by face: one question each, large enough for a gloved hand.

A face is built from one status of the agent and holds no state of its own but what a person is
typing. Colour is never alone: each state has its word and its shape.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Digits, Input, Label, ProgressBar, Static

from bedside.language import (
    N_,
    Language,
    access_name,
    country_name,
    gate_sentence,
    site_action_name,
    translator,
)
from bedside.language.spelling import spell
from bedside.language.typography import quoted
from bedside.protocol import local
from bedside.vocabulary import Activity, Mode

__all__ = [
    "Asked",
    "Code",
    "Face",
    "Idle",
    "Live",
    "Lost",
    "Sight",
    "Verify",
    "face_of",
    "indicator",
]

SHAPES = {
    Activity.IDLE: "●",
    Activity.ASKED: "◆",
    Activity.CONNECTING: "◈",
    Activity.VIEWING: "◉",
    Activity.CONTROLLING: "▲",
}
WORDS = {
    Activity.IDLE: N_("Nobody is connected."),
    Activity.ASKED: N_("Somebody asks to come in."),
    Activity.CONNECTING: N_("Allowed. Waiting for the specialist."),
    Activity.VIEWING: N_("OBSERVATION: a specialist is looking at this device."),
    Activity.CONTROLLING: N_("CONTROL: a specialist is working on this device."),
}
LONGEST_NAME = 80


def indicator(status: local.Status, language: Language) -> str:
    """Return the shape and the words of what is going on, for every face (R12)."""
    say = translator(language, "bedside-panel")
    words = f"{SHAPES[status.activity]} {say(WORDS[status.activity])}"
    live = status.session
    if live is None:
        return words
    words = _session_words(words, status, live, say)
    site = live.watching
    return words + _watches(site.person.name, say) if site is not None and site.watches else words


def _watches(name: str, say: Callable[[str], str]) -> str:
    return f" + {SHAPES[Activity.VIEWING]} {say(N_('{name} watches.')).format(name=name)}"


def _session_words(
    words: str, status: local.Status, live: local.OpenSession, say: Callable[[str], str]
) -> str:
    joined = live.joined
    if joined is None or not joined.watches:
        return words
    also = _watches(live.person.name if joined.controls else joined.person.name, say)
    if joined.controls:
        who = say(N_("CONTROL: {name} is working on this device.")).format(name=joined.person.name)
        return f"{SHAPES[Activity.CONTROLLING]} {who}{also}"
    if live.mode is Mode.CONTROL and status.activity is Activity.VIEWING:
        nobody = say(N_("OBSERVATION: nobody controls this device now."))
        return f"{SHAPES[Activity.VIEWING]} {nobody}{also}"
    return f"{words}{also}"


@dataclass(frozen=True)
class Sight:
    """What a face is drawn from: the agent's status and the language of the reader."""

    status: local.Status
    language: Language

    def say(self, text: str, **fields: str | int) -> str:
        """Return `text` in the reader's language with its fields filled in."""
        return translator(self.language, "bedside-panel")(text).format(**fields)


class Face(Vertical):
    """One face of the panel; `key` tells whether a new status needs a new face."""

    def __init__(self, sight: Sight) -> None:
        super().__init__(classes=f"face {type(self).__name__.lower()}")
        self.sight = sight

    @property
    def key(self) -> tuple[object, ...]:
        """Return what makes this face this one: the same key is updated in place."""
        return (type(self), self.sight.language)

    def renew(self, sight: Sight) -> None:
        """Take a new status that has the same key."""
        self.sight = sight

    def tick(self, now_ms: int) -> None:
        """Let time pass on this face (unix milliseconds by the agent's clock)."""

    def glass(self) -> ComposeResult:
        """Draw the words of broken glass, where the site itself opened the device (R42)."""
        status = self.sight.status
        asked, live = status.request, status.session
        if (asked and asked.break_glass) or (live and live.break_glass):
            words = self.sight.say(
                N_("BREAK-GLASS, emergency access: the site itself opened this device.")
            )
            yield Label(f"▲▲ {words} ▲▲", classes="glass")


class Lost(Vertical):
    """The agent does not answer: say so, and what that means."""

    def __init__(self, language: Language) -> None:
        super().__init__(classes="face lost")
        self._say = translator(language, "bedside-panel")

    def compose(self) -> ComposeResult:
        """Draw the face."""
        yield Label("✖ " + self._say(N_("The remote service of this device does not answer.")))
        yield Static(self._say(N_("Nobody can connect. The device itself keeps working.")))


class Idle(Face):
    """Nobody is connected; who could be, and whether the lines are up."""

    def compose(self) -> ComposeResult:
        """Draw the face."""
        yield Label(self.sight.status.device.name, classes="device-name")
        yield Label(f"{self.sight.status.device.id} · {self.sight.status.site.name}")
        yield Static(self._lines(), id="lines", markup=False)

    def renew(self, sight: Sight) -> None:
        """Show the new lines."""
        super().renew(sight)
        self.query_one("#lines", Static).update(self._lines())

    def _lines(self) -> str:
        say, connection = self.sight.say, self.sight.status.connection
        lines = []
        if self.sight.status.fault is not None:
            lines.append("✖ " + gate_sentence(self.sight.status.fault, self.sight.language))
        elif self.sight.status.locked:
            lines.append("✖ " + say(N_("Remote service is locked for this device.")))
            if self.sight.status.lock_reason is not None:
                lines.append("  " + quoted(self.sight.status.lock_reason, self.sight.language))
        if self.sight.status.help_ms is not None:
            at = _clock(self.sight.status.help_ms)
            lines.append("? " + say(N_("Help was asked for at {at}. Support will call."), at=at))
        if connection.relay is None:
            lines.append("✖ " + say(N_("No relay answers. Nobody can ask to connect.")))
        else:
            lines.append("✓ " + say(N_("Relay “{relay}” answers."), relay=connection.relay))
        lines.append(self._policy())
        return "\n".join(lines)

    def _policy(self) -> str:
        say, number = self.sight.say, self.sight.status.site.policy
        if number is None:
            return "· " + say(
                N_("The site has put no key of its own here: everything is asked here.")
            )
        if number == 0:
            return "✖ " + say(N_("The site's key is here, but no policy yet: nobody comes in."))
        return "✓ " + say(N_("The site's policy no. {number} applies."), number=number)


class Asked(Face):
    """Who asks, why, which access, how long; allow with a name, or refuse."""

    @property
    def key(self) -> tuple[object, ...]:
        """A new request is a new face; the same one keeps what was typed."""
        return (*super().key, self.request.session)

    @property
    def request(self) -> local.AskedRequest:
        """The request shown."""
        assert self.sight.status.request is not None
        return self.sight.status.request

    def compose(self) -> ComposeResult:
        """Draw the face."""
        say, asked = self.sight.say, self.request
        yield from self.glass()
        with VerticalScroll(classes="facts"):
            if asked.joins is not None:
                yield Label(self._joins(), classes=f"what {asked.mode.value}", id="joins")
            yield Label(self._who(), classes="who")
            yield Label(self._what(), classes=f"what {asked.mode.value}")
            yield Static(say(N_("Why: {reason}"), reason=asked.reason), markup=False)
            yield Static(self._references(), markup=False)
            yield Static(self._also(), markup=False)
            yield Static(
                say(N_("At most {minutes} minutes."), minutes=asked.duration_s // 60),
                markup=False,
            )
            if asked.joins is not None:
                yield Static(self._goes_on(), id="goes-on")
        yield ProgressBar(
            total=max(1, asked.answer_by_ms - self.sight.status.now_ms),
            show_percentage=False,
            show_eta=False,
            id="left",
        )
        yield Label("", id="left-words")
        yield Label(say(N_("Your name (to allow):")))
        yield Input(id="name", max_length=LONGEST_NAME)
        with Horizontal(classes="choices"):
            yield Button("✖ " + say(N_("Refuse")), id="refuse", classes="large refuse")
            yield Button("⌨", id="keyboard", classes="large narrow")
            yield Button("✓ " + say(N_("Allow")), id="allow", classes="large allow", disabled=True)

    def _who(self) -> str:
        who, say = self.request.person, self.sight.say
        country = country_name(who.country, self.sight.language)
        if who.level is None:
            return f"{who.name}, {who.employer}, {country}"
        return say(
            N_("{name}, {employer}, level {level}, {country}"),
            name=who.name,
            employer=who.employer,
            level=int(who.level),
            country=country,
        )

    def _joins(self) -> str:
        who = self.request.person
        if who.level is None:
            return "◉ " + self.sight.say(
                N_("{employer}: {name} asks to WATCH the session."),
                employer=who.employer,
                name=who.name,
            )
        country = country_name(who.country, self.sight.language).upper()
        if self.request.mode is Mode.CONTROL:
            return "▲ " + self.sight.say(
                N_("{country}: the level {level} specialist who watches asks for CONTROL."),
                country=country,
                level=int(who.level),
            )
        return "◉ " + self.sight.say(
            N_("{country}: a level {level} specialist asks to JOIN the session."),
            country=country,
            level=int(who.level),
        )

    def _goes_on(self) -> str:
        say = self.sight.say
        if self.request.mode is Mode.VIEW:
            return say(N_("Refuse, and the session goes on without them."))
        live = self.sight.status.session
        return say(
            N_(
                "Refuse, and everything stays as it is. Allow, and {name} may hand control over to "
                "them, and can take it back at any moment."
            ),
            name=live.person.name if live is not None else "?",
        )

    def _what(self) -> str:
        access = access_name(self.request.access, self.sight.language)
        if self.request.joins is not None and self.request.mode is Mode.VIEW:
            return "◉ " + self.sight.say(N_("asks to WATCH what is done: {access}"), access=access)
        if self.request.mode is Mode.CONTROL:
            return "▲ " + self.sight.say(N_("asks to CONTROL this device: {access}"), access=access)
        return "◉ " + self.sight.say(N_("asks to OBSERVE this device: {access}"), access=access)

    def _references(self) -> str:
        words = self.sight.say(N_("Case: {case}"), case=self.request.case)
        if self.request.ticket:
            ticket = self.sight.say(N_("Change ticket: {ticket}"), ticket=self.request.ticket)
            words = f"{words} · {ticket}"
        return words

    def _also(self) -> str:
        asked, say = self.request, self.sight.say
        names = [site_action_name(each, self.sight.language) for each in asked.actions]
        words = say(N_("With it: {actions}."), actions=", ".join(names)) if names else ""
        lines = [words or say(N_("No files go in or out."))]
        lines += [
            say(N_("✓ Approved by {name} (passkey)"), name=name) for name in asked.approved_by
        ]
        return "\n".join(lines)

    def tick(self, now_ms: int) -> None:
        """Show how long is left; when nothing is left the answer is no."""
        left_ms = max(0, self.request.answer_by_ms - now_ms)
        self.query_one("#left", ProgressBar).update(progress=left_ms)
        self.query_one("#left-words", Label).update(
            self.sight.say(
                N_("{seconds} s left. Without an answer, nobody comes in."),
                seconds=left_ms // 1000,
            )
        )


class Code(Face):
    """The presence code, to be read out on the telephone."""

    @property
    def key(self) -> tuple[object, ...]:
        """A new code is a new face."""
        return (*super().key, self.sight.status.presence_code, self.sight.status.host_key)

    def compose(self) -> ComposeResult:
        """Draw the face."""
        yield from self.glass()
        code = self.sight.status.presence_code or ""
        yield Digits(f"{code[:3]} {code[3:]}", id="code")
        yield Label(self.sight.say(N_("Read this to the specialist on the telephone.")))
        yield Label(self.sight.say(N_("Never type it anywhere.")), classes="warning")
        if self.sight.status.host_key is not None:
            yield Label(
                self.sight.say(N_("Words of this device, if the specialist asks for them:"))
            )
            yield Static("\n".join(spell(self.sight.status.host_key)), id="words", markup=False)


class Live(Face):
    """Who is connected, since when, what they are doing now."""

    @property
    def key(self) -> tuple[object, ...]:
        """Viewing and controlling look different, and so does broken glass."""
        live = self.sight.status.session
        return (*super().key, self.sight.status.activity, live is not None and live.break_glass)

    def compose(self) -> ComposeResult:
        """Draw the face."""
        yield from self.glass()
        yield Static(self._words(self.sight.status.now_ms), id="words", markup=False)

    def renew(self, sight: Sight) -> None:
        """Show what they are doing now."""
        super().renew(sight)
        self.tick(sight.status.now_ms)

    def tick(self, now_ms: int) -> None:
        """Show how long is left."""
        self.query_one("#words", Static).update(self._words(now_ms))

    def _words(self, now_ms: int) -> str:
        live, say = self.sight.status.session, self.sight.say
        if live is None:
            return ""
        who = live.person
        lines = [
            f"{who.name}, {who.employer}, {country_name(who.country, self.sight.language)}",
            access_name(live.access, self.sight.language),
            say(
                N_("Since {since}, {minutes} minutes left."),
                since=_clock(live.since_ms),
                minutes=max(0, live.until_ms - now_ms) // 60_000,
            ),
        ]
        if live.doing:
            lines.append(say(N_("Now: {doing}"), doing=live.doing))
        if self.sight.status.presence_code:
            lines.append(say(N_("Code: {code}"), code=self.sight.status.presence_code))
        for joined in (live.joined, live.watching):
            lines += self._joined(joined) if joined is not None else []
        return "\n".join(lines)

    def _joined(self, joined: local.Joined) -> list[str]:
        say, who = self.sight.say, joined.person
        country = country_name(who.country, self.sight.language)
        if not joined.watches:
            code = joined.presence_code or ""
            may_join = N_("+ {name}, {country}, may join. Read them this code: {code}")
            return [say(may_join, name=who.name, country=country, code=code)]
        does = N_("+ {name}, {employer}, {country}: watches.")
        if joined.controls:
            does = N_("▲ {name}, {employer}, {country}: CONTROLS.")
        lines = [say(does, name=who.name, employer=who.employer, country=country)]
        if joined.may_control and not joined.controls:
            lines.append(say(N_("Control may be handed over to {name}."), name=who.name))
        return lines


class Verify(Face):
    """After control: verify before clinical use; a name clears it (R11)."""

    @property
    def key(self) -> tuple[object, ...]:
        """One face per finished session."""
        left = self.sight.status.verification
        return (*super().key, left.session if left else None)

    def compose(self) -> ComposeResult:
        """Draw the face."""
        left, say = self.sight.status.verification, self.sight.say
        assert left is not None
        yield Label(
            "▲ " + say(N_("Service was performed. Verify before clinical use.")), classes="state"
        )
        with VerticalScroll(classes="facts"):
            yield Static(f"{left.person} · {_clock(left.at_ms)}", markup=False)
            for change in left.changes:
                yield Static(f"• {change}", markup=False)
        yield Label(say(N_("Your name, once you have verified the device:")))
        yield Input(id="name", max_length=LONGEST_NAME)
        with Horizontal(classes="choices"):
            yield Button("⌨", id="keyboard", classes="large narrow")
            yield Button(
                "✓ " + say(N_("Verified")), id="verified", classes="large allow", disabled=True
            )


def _clock(at_ms: int) -> str:
    # The panel stands beside the device: its own zone is the site's.
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone():%H:%M}"


_FACES: tuple[tuple[Callable[[local.Status], bool], type[Face]], ...] = (
    (lambda status: status.request is not None, Asked),
    (lambda status: status.activity in (Activity.VIEWING, Activity.CONTROLLING), Live),
    (lambda status: status.presence_code is not None, Code),
    (lambda status: status.verification is not None, Verify),
)


def face_of(status: local.Status, language: Language) -> Face:
    """Return the face that answers what this status asks of the person in front of it."""
    sight = Sight(status, language)
    for fits, face in _FACES:
        if fits(status):
            return face(sight)
    return Idle(sight)
