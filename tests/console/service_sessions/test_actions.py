import pytest

from bedside.console.journal.actions import now_ms
from bedside.console.relays.models import DeviceMessage, Tunnel
from bedside.console.service_sessions.actions import (
    do_apply_tunnel_event,
    do_end_due_sessions,
    do_end_session,
    do_end_sessions_of_lost_devices,
    do_mark_cloned,
    do_note_delivered,
)
from bedside.console.service_sessions.models import ServiceSession
from bedside.vocabulary import Gate, JournalAction, Outcome
from tests.console.pages.reader import Reader
from tests.console.service_sessions.news import (
    ASKED,
    ENDED,
    GIVEN,
    LIVE,
    OPENED,
    live,
    requested,
    tell,
)
from tests.console.world import DEVICE, FOREIGN, Api, person

pytestmark = pytest.mark.usefixtures("fleet")


def states(session: ServiceSession) -> list[str]:
    return [row.state for row in session.timeline.all()]


def test_the_devices_journal_moves_the_session_step_by_step():
    session = live(requested())
    assert states(session) == [
        "requested",
        "routed",
        "awaiting_operator",
        "connecting",
        "authenticating",
        "live_control",
    ]
    assert session.operator == "L. Roy"
    assert session.expires_ms is not None
    assert tell(session.pk, ENDED, ending="by_operator")
    session.refresh_from_db()
    assert (session.state, session.ending) == ("ended", "by_operator")
    assert Tunnel.objects.get().ending == "by_operator"
    assert bytes(session.specialist_proof_seed) == b""


def test_the_same_news_again_changes_nothing():
    session = live(requested())
    for action in (ASKED, GIVEN, OPENED, LIVE):
        assert not tell(session.pk, action)
    before = states(session)
    assert tell(session.pk, ENDED, ending="idle")
    assert not tell(session.pk, ENDED, ending="by_operator")
    session.refresh_from_db()
    assert session.ending == "idle"
    assert states(session) == [*before, "ended"]


def test_news_that_overtook_other_news_is_followed_through_the_states_between():
    session = requested()
    assert tell(session.pk, GIVEN)
    assert states(session) == ["requested", "routed", "awaiting_operator", "connecting"]
    assert not do_note_delivered(session.pk, at_ms=now_ms())


def test_a_second_authentication_that_failed_lets_a_tunnel_open_anew():
    session = requested()
    for action in (ASKED, GIVEN, OPENED):
        tell(session.pk, action)
    assert tell(session.pk, GIVEN)
    session.refresh_from_db()
    assert session.state == "connecting"


def test_another_devices_entry_moves_nothing():
    session = requested()
    assert not tell(session.pk, GIVEN, device=FOREIGN)
    assert not tell("01JD0000000000000000000000", GIVEN)
    session.refresh_from_db()
    assert session.state == "routed"


def test_an_order_that_the_device_refused_ends_the_session_with_its_gate():
    session = requested()
    assert tell(
        session.pk,
        JournalAction.ORDER_DOCUMENT_REFUSED,
        gate=Gate.EXAM_RUNNING,
        outcome=Outcome.REFUSED,
    )
    session.refresh_from_db()
    assert (session.ending, session.gate) == ("refused", "exam_running")


def test_an_order_that_the_device_could_not_believe_ends_its_session_by_the_message():
    session = requested()
    message = DeviceMessage.objects.get(session=session.pk)
    refused = {"gate": Gate.ORDER_SIGNATURE, "outcome": Outcome.REFUSED}
    for other in ("01JD0000000000000000000000", "receipt"):
        assert not tell(None, JournalAction.ORDER_DOCUMENT_REFUSED, message=other, **refused)
    assert tell(None, JournalAction.ORDER_DOCUMENT_REFUSED, message=message.pk, **refused)
    session.refresh_from_db()
    assert (session.ending, session.gate) == ("refused", "order_signature")


def test_a_replayed_order_ends_nothing():
    session = live(requested())
    assert not tell(
        session.pk,
        JournalAction.ORDER_DOCUMENT_REFUSED,
        gate=Gate.ORDER_REPLAYED,
        outcome=Outcome.REFUSED,
    )
    session.refresh_from_db()
    assert session.state == "live_control"


def test_an_ending_that_is_no_word_of_the_list_is_a_failure():
    session = live(requested())
    assert tell(session.pk, ENDED, ending="because")
    session.refresh_from_db()
    assert session.ending == "failed"


def test_where_two_endings_crossed_both_are_kept_and_shown():
    session = live(requested())
    do_end_session(session, acting_user=person("Marie"))
    assert tell(session.pk, ENDED, ending="failed")
    assert not tell(session.pk, ENDED, ending="failed")
    session.refresh_from_db()
    assert (session.ending, session.device_ending) == ("by_specialist", "failed")
    said = Reader("Julie", "fr").text(f"/sessions/{session.pk}/")
    assert "Le journal de l’appareil dit : Terminée à cause d’une défaillance" in said
    assert Api("Julie").get(f"/sessions/{session.pk}").json()["device_ending"] == "failed"
    other = live(requested())
    do_end_session(other, acting_user=person("Marie"))
    assert tell(other.pk, ENDED, ending="by_specialist")
    assert "Le journal de l’appareil dit" not in Reader("Julie", "fr").text(
        f"/sessions/{other.pk}/"
    )


def test_the_order_reaches_the_device_at_another_relay():
    session = requested()
    assert do_note_delivered(session.pk, at_ms=now_ms(), relay="b")
    session.refresh_from_db()
    assert (session.state, session.relay) == ("awaiting_operator", "b")


def test_what_went_through_a_tunnel_is_added_up():
    session = live(requested())
    for _ in range(2):
        do_apply_tunnel_event(
            session.pk,
            "closed",
            relay="b",
            bytes_from_device=10,
            bytes_from_specialist=3,
            at_ms=now_ms(),
        )
    session.refresh_from_db()
    assert (session.bytes_from_device, session.bytes_from_specialist) == (20, 6)
    assert (session.relay, session.state) == ("b", "live_control")


@pytest.mark.parametrize("asked", [True, False])
def test_silence_ends_a_session_as_unanswered(asked):
    session = requested()
    if asked:
        tell(session.pk, ASKED)
    assert do_end_due_sessions(now=session.answer_by_ms) == 0
    assert do_end_due_sessions(now=session.answer_by_ms + 60_000) == 1
    session.refresh_from_db()
    assert (session.ending, session.gate) == ("unanswered", "consent_silence" if asked else "")
    assert do_end_due_sessions(now=session.answer_by_ms + 60_000) == 0


def test_a_live_session_ends_at_its_absolute_limit_and_not_before():
    session = live(requested())
    assert do_end_due_sessions(now=session.expires_ms) == 0
    assert do_end_due_sessions(now=session.expires_ms + 120_000) == 1
    session.refresh_from_db()
    assert session.ending == "expired"


def test_a_lost_device_ends_what_waits_and_leaves_what_is_live_to_its_expiry():
    waiting, working = requested(), live(requested())
    assert do_end_sessions_of_lost_devices({DEVICE}, now=now_ms()) == 1
    waiting.refresh_from_db()
    working.refresh_from_db()
    assert (waiting.ending, working.state) == ("device_lost", "live_control")


def test_a_cloned_device_loses_its_sessions():
    session = live(requested())
    do_mark_cloned(DEVICE, now=now_ms())
    session.refresh_from_db()
    assert (session.ending, session.gate) == ("revoked", "device_cloned")
    assert Api("Alex").get(f"/devices/{DEVICE}").json()["state"] == "cloned"
