"""What a device asks a relay, and what it is told (`docs/protocol/poll.md`).

These messages come from and go to peers of other versions: unknown fields are ignored here (1.6).
What matters inside them is sealed and signed, and read strictly by `bedside.protocol.orders`.
"""

import re
from binascii import b2a_base64
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from bedside.protocol.codec import MAX_INTEGER, Fields, Wire, parse_json, to_json
from bedside.protocol.shapes import MAX_MS, MESSAGE_ID, JournalHead, parse_message_id
from bedside.vocabulary import Activity, Gate, MessageKind, PollMode

__all__ = [
    "MAX_ACKS",
    "MAX_HOLD_MS",
    "MAX_LEAVE_MS",
    "MAX_MESSAGES",
    "MAX_POLL",
    "MAX_POLL_REPLY",
    "MAX_REFUSAL",
    "MAX_REPORT",
    "MAX_REPORTS",
    "MAX_REPORT_REQUEST",
    "MAX_SEALED",
    "Message",
    "PollReply",
    "PollRequest",
    "Refusal",
    "ReportRequest",
    "Spans",
    "message_text",
    "messages_text",
    "parse_poll",
    "parse_poll_reply",
    "parse_refusal",
    "parse_report_request",
    "poll_words",
    "reply_body",
    "reply_ends",
]

MAX_POLL = 8 * 1024
MAX_ACKS = 64
MAX_MESSAGES = 8
MAX_SEALED = 32 * 1024
MAX_POLL_REPLY = 512 * 1024
MAX_REPORTS = 16
MAX_REPORT = 192 * 1024
MAX_REPORT_REQUEST = 260 * 1024
MAX_REFUSAL = 1024
_MAX_WAIT_MS = 24 * 3600 * 1000
MAX_LEAVE_MS = 5 * 60_000
MAX_HOLD_MS = 30_000
"""A poll is held no longer (13.3): a device that waits in vain goes to its next relay."""
_ZERO = ord("0")
_SAFE_DIGITS = len(str(MAX_INTEGER)) - 1
_VERSION = re.compile(r"[0-9A-Za-z.+!_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRequest(Wire):
    """One poll: who still runs, what arrived, how the device is."""

    FIXED: ClassVar[dict[str, str | int]] = {"v": 1}

    instance: str
    sequence: int
    mode: PollMode
    acks: tuple[str, ...]
    activity: Activity
    journal: JournalHead
    version: str
    configuration: int
    moved: bool = False
    """Whether another relay may think that the device is with it (13.16)."""

    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> "PollRequest":
        """Read a poll; raises ProtocolError."""
        fields = Fields(obj)
        fields.version()
        return cls(
            instance=fields.hex("instance", 32),
            sequence=fields.integer("sequence", low=0, high=MAX_INTEGER),
            mode=fields.enum("mode", PollMode),
            acks=fields.texts("acks", max=MAX_ACKS, each=26, pattern=MESSAGE_ID),
            activity=fields.enum("activity", Activity),
            journal=JournalHead.from_fields(fields.object("journal"), ignore_unknown=True),
            version=fields.text("version", max=40, pattern=_VERSION),
            configuration=fields.integer("configuration", low=0, high=MAX_INTEGER),
            moved=fields.has("moved") and fields.boolean("moved"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the poll as JSON's own types; that a device did not move is not said."""
        plain = Wire.to_dict(self)
        if not self.moved:
            del plain["moved"]
        return plain


@dataclass(frozen=True, slots=True)
class Message(Wire):
    """One sealed document on its way to a device."""

    id: str
    kind: MessageKind
    sealed: bytes

    @classmethod
    def from_fields(cls, fields: Fields) -> "Message":
        """Read a message."""
        return cls(
            id=fields.parsed("id", parse_message_id),
            kind=fields.enum("kind", MessageKind),
            sealed=fields.bytes_("sealed", min=1, max=MAX_SEALED),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans(Wire):
    """Over which times a fleet spreads what would otherwise happen in one moment (13.10).

    All are milliseconds; what a relay does not say is as here.
    """

    lost_ms: int = 30_000
    """A device that lost its relay dials another one at a moment within this."""
    home_ms: int = 10 * 60_000
    """It stays away from the relay of its choice for at least this long."""
    home_spread_ms: int = 5 * 60_000
    """And for up to this much longer."""
    retry_ms: int = 2_000
    """The first try again of anything comes within this; the range doubles at each failure (13.12)."""
    retry_most_ms: int = 120_000
    """And grows to this."""

    @classmethod
    def from_fields(cls, fields: Fields) -> "Spans":
        """Read spans; raises ProtocolError for one that would silence or hurry a fleet."""
        return cls(
            lost_ms=fields.integer("lost_ms", low=0, high=5 * 60_000),
            home_ms=fields.integer("home_ms", low=1_000, high=24 * 3600 * 1000),
            home_spread_ms=fields.integer("home_spread_ms", low=0, high=24 * 3600 * 1000),
            retry_ms=fields.integer("retry_ms", low=100, high=10_000),
            retry_most_ms=fields.integer("retry_most_ms", low=10_000, high=60 * 60_000),
        )


_SPANS = Spans()


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReply(Wire):
    """The answer: messages, when to poll again, how long the next poll may be held."""

    FIXED: ClassVar[dict[str, str | int]] = {"v": 1}

    messages: tuple[Message, ...]
    next_in_ms: int
    hold_ms: int
    now_ms: int
    spans: Spans = _SPANS
    leave_in_ms: int | None = None
    """Within which the device is to poll its next relay, because this one stops (13.15)."""

    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> "PollReply":
        """Read an answer; raises ProtocolError."""
        fields = Fields(obj)
        fields.version()
        spans = Spans.from_fields(fields.object("spans")) if fields.has("spans") else _SPANS
        return cls(
            messages=tuple(
                Message.from_fields(item) for item in fields.objects("messages", max=MAX_MESSAGES)
            ),
            next_in_ms=fields.integer("next_in_ms", low=0, high=_MAX_WAIT_MS),
            hold_ms=fields.integer("hold_ms", low=0, high=_MAX_WAIT_MS),
            now_ms=fields.integer("now_ms", low=0, high=MAX_MS),
            spans=spans,
            leave_in_ms=fields.optional("leave_in_ms", fields.integer, low=0, high=MAX_LEAVE_MS),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON's own types; what is as if nobody said it is not said."""
        plain = Wire.to_dict(self)
        if self.spans == _SPANS:
            del plain["spans"]
        if self.leave_in_ms is None:
            del plain["leave_in_ms"]
        return plain

    def to_json(self) -> bytes:
        """Return the answer as canonical JSON: written by hand, because a relay writes nothing else."""
        before, after = reply_ends(self.hold_ms, self.spans)
        if self.leave_in_ms is not None:
            before += f'"leave_in_ms":{self.leave_in_ms},'
        return reply_body(
            (before, after),
            messages_text(self.messages),
            next_in_ms=self.next_in_ms,
            now_ms=self.now_ms,
        )


@dataclass(frozen=True, slots=True)
class Refusal(Wire):
    """The body of an answer that is not 200: which gate refused, and when to ask again."""

    FIXED: ClassVar[dict[str, str | int]] = {"v": 1}

    gate: Gate
    retry_in_ms: int

    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> "Refusal":
        """Read a refusal; raises ProtocolError."""
        fields = Fields(obj)
        fields.version()
        return cls(
            gate=fields.enum("gate", Gate),
            retry_in_ms=fields.integer("retry_in_ms", low=0, high=_MAX_WAIT_MS),
        )


@dataclass(frozen=True, slots=True)
class ReportRequest(Wire):
    """Ranges of the device's journal on their way to the console, sealed to it."""

    FIXED: ClassVar[dict[str, str | int]] = {"v": 1}

    reports: tuple[bytes, ...]

    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> "ReportRequest":
        """Read reports; raises ProtocolError."""
        fields = Fields(obj)
        fields.version()
        return cls(reports=fields.blobs("reports", max=MAX_REPORTS, each=MAX_REPORT))


def parse_poll(body: bytes) -> PollRequest:
    """Return the poll in a request's body; raises ProtocolError.

    Our own devices write canonical JSON, which one pattern reads in a tenth of the time; whatever
    the pattern does not match is read, or refused, field by field.
    """
    match = _canonical_poll().fullmatch(body)
    if match is None:
        return PollRequest.from_dict(parse_json(body, limit=MAX_POLL))
    acks, activity, configuration, instance, head, size, mode, moved, sequence, version = (
        match.groups()
    )
    return PollRequest(
        instance=instance.decode("ascii"),
        sequence=int(sequence),
        mode=_MODES[mode],
        acks=tuple(acks.decode("ascii")[1:-1].split('","')) if acks else (),
        activity=_ACTIVITIES[activity],
        journal=JournalHead(size=int(size), head=head.decode("ascii")),
        version=version.decode("ascii"),
        configuration=int(configuration),
        moved=moved is not None,
    )


def poll_words(request: bytes) -> int:
    """Return what stands for all that a poll's request says besides its sequence; 0 for no poll.

    `request` is head and body, as they came. Two requests with the same words are the same byte for
    byte, but for a number of as many digits: what was found of the one holds for the other.
    """
    before, _, rest = request.rpartition(b',"sequence":')
    number, _, after = rest.partition(b",")
    digits = len(number)
    if not number.isdigit() or digits > _SAFE_DIGITS or (number[0] == _ZERO and digits > 1):
        return 0
    return hash((digits, before, after))


def reply_ends(hold_ms: int, spans: Spans) -> tuple[str, str]:
    """Return how an answer's JSON begins and ends, which for one relay is always the same."""
    text = "" if spans == _SPANS else f',"spans":{to_json(spans.to_dict()).decode("ascii")}'
    return f'{{"hold_ms":{hold_ms},', f'{text},"v":1}}'


def message_text(message: str, kind: str, sealed: str) -> str:
    """Return the JSON of a message with this id; `sealed` is base64."""
    return f'{{"id":"{message}","kind":"{kind}","sealed":"{sealed}"}}'


def messages_text(messages: Iterable[Message]) -> str:
    """Return the JSON of some messages, without the brackets around them."""
    return ",".join(
        message_text(each.id, each.kind, b2a_base64(each.sealed, newline=False).decode("ascii"))
        for each in messages
    )


def reply_body(ends: tuple[str, str], messages: str = "", *, next_in_ms: int, now_ms: int) -> bytes:
    """Return `PollReply.to_json` of an answer that sends nobody away, as nearly all of a fleet's are.

    `messages` is what `messages_text` says, or `message_text`.
    """
    before, after = ends
    text = f'{before}"messages":[{messages}],"next_in_ms":{next_in_ms},"now_ms":{now_ms}{after}'
    return text.encode("ascii")


def parse_poll_reply(body: bytes) -> PollReply:
    """Return the answer in a response's body; raises ProtocolError."""
    return PollReply.from_dict(parse_json(body, limit=MAX_POLL_REPLY))


def parse_report_request(body: bytes) -> ReportRequest:
    """Return the reports in a request's body; raises ProtocolError."""
    return ReportRequest.from_dict(parse_json(body, limit=MAX_REPORT_REQUEST))


def parse_refusal(body: bytes) -> Refusal:
    """Return the refusal in a response's body; raises ProtocolError."""
    return Refusal.from_dict(parse_json(body, limit=MAX_REFUSAL))


_MODES = {mode.encode(): mode for mode in PollMode}
_ACTIVITIES = {activity.encode(): activity for activity in Activity}


@cache
def _canonical_poll() -> re.Pattern[bytes]:
    """The form that `PollRequest.to_json` gives a valid poll; a device never needs it compiled."""
    ack = rf'"{MESSAGE_ID.pattern}"'
    number = r"(0|[1-9][0-9]{0,14})"
    return re.compile(
        rf'\{{"acks":\[((?:{ack}(?:,{ack}){{0,{MAX_ACKS - 1}}})?)\]'
        rf',"activity":"({"|".join(Activity)})"'
        rf',"configuration":{number}'
        r',"instance":"([0-9a-f]{32})"'
        rf',"journal":\{{"head":"([0-9a-f]{{64}})","size":{number}\}}'
        rf',"mode":"({"|".join(PollMode)})"'
        rf'(,"moved":true)?,"sequence":{number},"v":1'
        rf',"version":"({_VERSION.pattern[:-1]}{{1,40}})"\}}'.encode("ascii")
    )
