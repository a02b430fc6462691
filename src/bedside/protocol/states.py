"""A session's life as one table; every program and the documentation draw from it (R3, R4)."""

from bedside.protocol.errors import MalformedError
from bedside.vocabulary import Ending, JournalAction, Mode, SessionState

__all__ = [
    "ENDINGS_FROM",
    "LIVE",
    "OPEN",
    "TRANSITIONS",
    "check_ending",
    "check_transition",
    "ending_of_join",
    "live_state",
    "render",
    "state_after",
]

_S = SessionState
_E = Ending

TRANSITIONS: dict[SessionState, frozenset[SessionState]] = {
    _S.REQUESTED: frozenset({_S.AWAITING_SITE, _S.ROUTED, _S.ENDED}),
    _S.AWAITING_SITE: frozenset({_S.ROUTED, _S.ENDED}),
    _S.ROUTED: frozenset({_S.AWAITING_OPERATOR, _S.ENDED}),
    _S.AWAITING_OPERATOR: frozenset({_S.CONNECTING, _S.ENDED}),
    _S.CONNECTING: frozenset({_S.AUTHENTICATING, _S.ENDED}),
    # A tunnel that closes before the second authentication may be opened anew.
    _S.AUTHENTICATING: frozenset({_S.CONNECTING, _S.LIVE_VIEW, _S.LIVE_CONTROL, _S.ENDED}),
    # Control is handed to somebody who joined, and taken back.
    _S.LIVE_VIEW: frozenset({_S.LIVE_CONTROL, _S.ENDED}),
    _S.LIVE_CONTROL: frozenset({_S.LIVE_VIEW, _S.ENDED}),
    _S.ENDED: frozenset(),
}

LIVE = frozenset({_S.LIVE_VIEW, _S.LIVE_CONTROL})
OPEN = frozenset(_S) - {_S.ENDED}

# Refused is possible to the very end: a second connection of a live session that fails the second
# authentication three times ends the session.
_ALWAYS = frozenset({_E.BY_SPECIALIST, _E.REFUSED, _E.REVOKED, _E.SITE_TERMINATED, _E.FAILED})
_AT_THE_DEVICE = _ALWAYS | {_E.BY_OPERATOR, _E.DEVICE_LOST}
_CARRIED = _AT_THE_DEVICE | {
    _E.IDLE,
    _E.EXPIRED,
    _E.PARTNER_LOST,
    _E.RELAY_LOST,
    _E.RELAY_STOPPED,
}

ENDINGS_FROM: dict[SessionState, frozenset[Ending]] = {
    _S.REQUESTED: _ALWAYS | {_E.UNANSWERED},
    _S.AWAITING_SITE: _ALWAYS | {_E.UNANSWERED},
    _S.ROUTED: _ALWAYS | {_E.UNANSWERED, _E.DEVICE_LOST},
    _S.AWAITING_OPERATOR: _AT_THE_DEVICE | {_E.UNANSWERED},
    _S.CONNECTING: _CARRIED,
    _S.AUTHENTICATING: _CARRIED,
    _S.LIVE_VIEW: _CARRIED,
    _S.LIVE_CONTROL: _CARRIED,
    _S.ENDED: frozenset(),
}

# The device drives a session through its journal: an entry of this action leads to this state.
_STATE_AFTER: dict[JournalAction, SessionState] = {
    JournalAction.SESSION_CONSENT_ASKED: _S.AWAITING_OPERATOR,
    JournalAction.SESSION_CONSENT_GIVEN: _S.CONNECTING,
    JournalAction.SESSION_TUNNEL_OPENED: _S.AUTHENTICATING,
    JournalAction.SESSION_CONTROL_PASSED: _S.LIVE_VIEW,
    JournalAction.SESSION_LIFE_ENDED: _S.ENDED,
}


def check_transition(old: SessionState, new: SessionState) -> None:
    """Refuse (MalformedError, code `transition`) a step that the table does not have."""
    if new not in TRANSITIONS[old]:
        raise MalformedError("transition", f"{old} to {new}")


def check_ending(state: SessionState, ending: Ending) -> None:
    """Refuse (MalformedError, code `ending`) an ending that a session in `state` cannot have."""
    if ending not in ENDINGS_FROM[state]:
        raise MalformedError("ending", f"{ending} from {state}")


def ending_of_join(ending: Ending, state: SessionState) -> Ending:
    """Return how a join in `state` ends when the session that it joined has ended with `ending`.

    With the same word where it may; otherwise nobody can be asked any more, and it is revoked.
    """
    return ending if ending in ENDINGS_FROM[state] else Ending.REVOKED


def live_state(mode: Mode) -> SessionState:
    """Return the live state of a session that was consented in `mode`."""
    return _S.LIVE_CONTROL if mode is Mode.CONTROL else _S.LIVE_VIEW


def state_after(action: JournalAction, mode: Mode) -> SessionState | None:
    """Return the state to which a device's journal entry leads, None where it moves nothing."""
    if action in (JournalAction.SESSION_LIFE_LIVE, JournalAction.SESSION_CONTROL_TAKEN):
        return live_state(mode)
    return _STATE_AFTER.get(action)


def render() -> str:
    """Return the table as Markdown with a Mermaid diagram, for `docs/topics/session-states.md`."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> requested"]
    lines += [f"    {old} --> {new}" for old in _S for new in _S if new in TRANSITIONS[old]]
    lines += ["    ended --> [*]", "```", "", "| From | Possible endings |", "|---|---|"]
    for state in _S:
        endings = ", ".join(f"`{ending}`" for ending in _E if ending in ENDINGS_FROM[state])
        if endings:
            lines.append(f"| `{state}` | {endings} |")
    return "\n".join(lines) + "\n"
