"""A device's journal, as far as a session is in it."""

from bedside.audit.entry import Actor, ActorKind, Entry, Thing, time_text
from bedside.console.access.models import ProductRight
from bedside.console.accounts.models import User
from bedside.console.journal.actions import now_ms
from bedside.console.service_sessions.actions import do_apply_device_entry
from bedside.console.service_sessions.models import ServiceSession
from bedside.vocabulary import ClockState, DeviceId, Gate, JournalAction, Outcome, SessionId
from tests.console.world import DEVICE, Api, asking, person

OPERATOR = Actor(ActorKind.OPERATOR, "operator", "L. Roy")
MACHINE = Actor(ActorKind.DEVICE, DEVICE, DEVICE)

ASKED = JournalAction.SESSION_CONSENT_ASKED
GIVEN = JournalAction.SESSION_CONSENT_GIVEN
OPENED = JournalAction.SESSION_TUNNEL_OPENED
LIVE = JournalAction.SESSION_LIFE_LIVE
ENDED = JournalAction.SESSION_LIFE_ENDED


def requested(name: str = "Marie", **changed) -> ServiceSession:
    answer = Api(name).post("/sessions", asking(**changed))
    assert answer.status_code == 201, answer.content
    return ServiceSession.objects.get(pk=answer.json()["id"])


def tell(
    session: str | None,
    action: JournalAction,
    *,
    device: str = DEVICE,
    gate: Gate | None = None,
    outcome: Outcome = Outcome.SUCCESS,
    actor: Actor | None = None,
    **detail,
) -> bool:
    """Let the console apply an entry of the device's journal; return whether anything moved."""
    entry = Entry(
        seq=7,
        prev=None,
        time=time_text(now_ms()),
        clock=ClockState.SYNCHRONISED,
        actor=actor or (OPERATOR if action is GIVEN else MACHINE),
        action=action,
        object=Thing("session", session) if session else Thing("device", device),
        outcome=outcome,
        gate=gate,
        session=SessionId(session) if session else None,
        case=None,
        detail=detail,
    )
    return do_apply_device_entry(DeviceId(device), entry, now=now_ms())


def live(session: ServiceSession) -> ServiceSession:
    for action in (ASKED, GIVEN, OPENED, LIVE):
        assert tell(session.pk, action), action
    session.refresh_from_db()
    return session


def go_abroad() -> None:
    """Make Sam a level 3 in Canada who knows the injector."""
    User.objects.filter(name="Sam Okafor").update(level=3, country="CA")
    right = ProductRight.objects.get(product_id="contrast-injector")
    right.pk, right.person = None, person("Sam")
    right.save()


def joining(host: ServiceSession, **changed):
    """Ask as Sam to join a session; return the console's answer."""
    told = {"joins": host.pk, "access": host.access, "mode": "view", **changed}
    return Api("Sam").post("/sessions", asking(**told))


def made(answer) -> ServiceSession:
    """Return the session that a request made."""
    assert answer.status_code == 201, answer.content
    return ServiceSession.objects.get(pk=answer.json()["id"])


def gates(answer) -> list[str]:
    """Return the gates that refused a request."""
    assert answer.status_code == 403, answer.content
    return [reason["gate"] for reason in answer.json()["reasons"]]


def ending(session: ServiceSession) -> str:
    """Return how a session ended, as it stands in the database."""
    session.refresh_from_db()
    return session.ending
