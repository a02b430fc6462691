import itertools

import pytest

from bedside.protocol.errors import MalformedError
from bedside.protocol.states import (
    ENDINGS_FROM,
    LIVE,
    TRANSITIONS,
    check_ending,
    check_transition,
    render,
    state_after,
)
from bedside.vocabulary import Ending, JournalAction, Mode, SessionState
from tools.render_states import PAGE, page

S = SessionState


def test_the_tables_are_whole():
    assert set(TRANSITIONS) == set(ENDINGS_FROM) == set(S)
    assert all(S.ENDED in TRANSITIONS[state] for state in S if state is not S.ENDED)
    assert set().union(*ENDINGS_FROM.values()) == set(Ending)


def test_a_session_reads_as_a_life():
    life = [
        S.REQUESTED,
        S.ROUTED,
        S.AWAITING_OPERATOR,
        S.CONNECTING,
        S.AUTHENTICATING,
        S.LIVE_CONTROL,
        S.ENDED,
    ]
    for old, new in itertools.pairwise(life):
        check_transition(old, new)


def test_nothing_goes_live_without_authentication_and_nothing_returns_from_the_end():
    for old in S:
        for new in LIVE:
            if old is not S.AUTHENTICATING and {old, new} != LIVE:
                with pytest.raises(MalformedError):
                    check_transition(old, new)
        with pytest.raises(MalformedError):
            check_transition(S.ENDED, old)


def test_control_leaves_a_live_session_and_comes_back():
    check_transition(S.LIVE_CONTROL, S.LIVE_VIEW)
    check_transition(S.LIVE_VIEW, S.LIVE_CONTROL)
    passed, taken = JournalAction.SESSION_CONTROL_PASSED, JournalAction.SESSION_CONTROL_TAKEN
    assert state_after(passed, Mode.CONTROL) is S.LIVE_VIEW
    assert state_after(taken, Mode.CONTROL) is S.LIVE_CONTROL
    # No word of a device's makes control of a session that was consented for observation.
    assert state_after(taken, Mode.VIEW) is S.LIVE_VIEW
    assert state_after(JournalAction.SESSION_CONTROL_OFFERED, Mode.CONTROL) is None


def test_endings_belong_to_states():
    check_ending(S.AWAITING_OPERATOR, Ending.UNANSWERED)
    for state, ending in ((S.LIVE_VIEW, Ending.UNANSWERED), (S.ROUTED, Ending.IDLE)):
        with pytest.raises(MalformedError) as refused:
            check_ending(state, ending)
        assert refused.value.code == "ending"


def test_entries_lead_to_states():
    assert state_after(JournalAction.SESSION_LIFE_LIVE, Mode.VIEW) is S.LIVE_VIEW
    assert state_after(JournalAction.SESSION_LIFE_LIVE, Mode.CONTROL) is S.LIVE_CONTROL
    assert state_after(JournalAction.SESSION_CONSENT_GIVEN, Mode.VIEW) is S.CONNECTING
    assert state_after(JournalAction.SESSION_CHANNEL_OPENED, Mode.VIEW) is None


def test_the_rendering_names_every_state():
    page = render()
    assert "    authenticating --> live_view\n" in page
    assert all(state in page for state in S)


def test_the_page_is_drawn_from_the_table():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tools.render_states`"
