"""Which spans make the trace of a session, and under which ids: pure.

A session's trace and spans have ids that follow from the session's own id, so console, relay and
device need tell each other nothing: whoever knows the session knows its trace (RFD 28).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlsplit

from bedside.vocabulary import JournalAction

__all__ = [
    "ROOT",
    "Span",
    "Step",
    "is_endpoint",
    "parse_traceparent",
    "root_id",
    "span_id",
    "spans_of",
    "trace_id",
]

ROOT = "session: from request to prompt"
_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", re.ASCII)
_A = JournalAction


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch of a session's way; times are Unix milliseconds."""

    service: str
    name: str
    session: str
    start_ms: int
    end_ms: int
    good: bool = True
    number: int = 0
    """Which of several of this name it is."""
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    link: str = ""
    """The W3C traceparent of whoever caused it, where they told one."""


@dataclass(frozen=True, slots=True)
class Step:
    """One act of a session: when, which, and whether the device's own journal tells it."""

    at_ms: int
    action: JournalAction
    at_device: bool


def trace_id(session: str) -> int:
    """Return the id of a session's trace: 128 bits."""
    return int.from_bytes(sha256(b"bedside trace\0" + session.encode()).digest()[:16])


def span_id(session: str, service: str, name: str, number: int = 0) -> int:
    """Return the id of one span of a session: 64 bits, the same whoever says it and how often."""
    words = "\0".join(("bedside span", session, service, name, str(number)))
    return int.from_bytes(sha256(words.encode()).digest()[:8])


def root_id(session: str) -> int:
    """Return the id of the span that all others of a session belong to."""
    return span_id(session, "bedside-console", ROOT)


def is_endpoint(text: str) -> bool:
    """Whether a configuration's text is a collector's address: `http://HOST:PORT`, or https."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.hostname) and port != 0 and not url.query


def parse_traceparent(text: str) -> tuple[int, int] | None:
    """Return trace and span of a W3C traceparent (version 00), None for anything else."""
    match = _PARENT.fullmatch(text) if len(text) == 55 else None
    if match is None:
        return None
    trace, span = int(match[1], 16), int(match[2], 16)
    return (trace, span) if trace and span else None


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A span's first act, and the acts of which the next one ends it."""

    service: str
    name: str
    begins: tuple[JournalAction, bool]
    good: tuple[tuple[JournalAction, bool], ...]
    bad: tuple[tuple[JournalAction, bool], ...] = ()


_ENDED = ((_A.SESSION_LIFE_ENDED, True), (_A.SESSION_LIFE_ENDED, False))
_CONSOLE, _AGENT = "bedside-console", "bedside-agent"
_STRETCHES = (
    _Stretch(
        _CONSOLE,
        "the site is asked",
        (_A.SESSION_APPROVAL_ASKED, False),
        ((_A.SESSION_APPROVAL_GIVEN, False),),
        ((_A.SESSION_APPROVAL_REFUSED, False), *_ENDED),
    ),
    _Stretch(
        _CONSOLE,
        "the order reaches the device",
        (_A.SESSION_REQUEST_ROUTED, False),
        ((_A.SESSION_CONSENT_ASKED, True),),
        _ENDED,
    ),
    _Stretch(
        _AGENT,
        "the operator is asked",
        (_A.SESSION_CONSENT_ASKED, True),
        ((_A.SESSION_CONSENT_GIVEN, True),),
        ((_A.SESSION_CONSENT_REFUSED, True), (_A.SESSION_CONSENT_UNANSWERED, True), *_ENDED),
    ),
    _Stretch(
        _AGENT,
        "the tunnel opens",
        (_A.SESSION_CONSENT_GIVEN, True),
        ((_A.SESSION_TUNNEL_OPENED, True),),
        ((_A.SESSION_TUNNEL_REFUSED, True), *_ENDED),
    ),
    _Stretch(
        _AGENT,
        "the second authentication",
        (_A.SESSION_TUNNEL_OPENED, True),
        ((_A.SESSION_AUTHENTICATION_SUCCEEDED, True),),
        _ENDED,
    ),
)
_BEGINS = ((_A.SESSION_REQUEST_ALLOWED, False), (_A.SESSION_REQUEST_REFUSED, False))
_PROMPT = ((_A.SESSION_LIFE_LIVE, True),)


def spans_of(session: str, device: str, steps: Sequence[Step]) -> list[Span]:
    """Return the spans that the journals tell of a session: the root, and each stretch that began.

    The device's times are its own clock's; a stretch that seems to end before it began has no length.
    Nothing is returned for a session whose beginning is not known.
    """
    found = [(step.action, step.at_device, step.at_ms) for step in steps]
    root = _stretch(found, _BEGINS, _PROMPT, _ENDED)
    if root is None:
        return []
    spans = [_span(session, device, _CONSOLE, ROOT, root)]
    for each in _STRETCHES:
        stretch = _stretch(found, (each.begins,), each.good, each.bad)
        if stretch is not None:
            spans.append(_span(session, device, each.service, each.name, stretch))
    return spans


_Acts = Sequence[tuple[JournalAction, bool]]


def _stretch(
    steps: Sequence[tuple[JournalAction, bool, int]], begins: _Acts, good: _Acts, bad: _Acts
) -> tuple[int, int, bool] | None:
    start = next((at for action, device, at in steps if (action, device) in begins), None)
    if start is None:
        return None
    for acts, well in ((good, True), (bad, False)):
        for action, device, at in steps:
            if (action, device) in acts:
                return start, max(start, at), well
    refused = any(action is _A.SESSION_REQUEST_REFUSED for action, _, _ in steps)
    return (start, start, False) if refused else None


def _span(
    session: str, device: str, service: str, name: str, stretch: tuple[int, int, bool]
) -> Span:
    start, end, good = stretch
    return Span(
        service=service,
        name=name,
        session=session,
        start_ms=start,
        end_ms=end,
        good=good,
        attributes={"bedside.device": device},
    )
