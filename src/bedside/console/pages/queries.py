"""What pages put together from the doors below: nothing here is reached another way."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from bedside.console.access.queries import gather_facts
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import has_permission, organisations
from bedside.console.devices.models import Device
from bedside.console.devices.queries import find_devices
from bedside.console.journal.actions import now_ms
from bedside.console.journal.queries import Filters, ShownEntry
from bedside.console.journal.told import told_of_session
from bedside.console.records.queries import clearance_of, journal_page
from bedside.console.relays.models import DevicePresence
from bedside.console.relays.queries import DeviceSeen, presence, presences
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.queries import visible_sessions
from bedside.policy.decide import Decision, decide
from bedside.policy.facts import DeviceState, RequestFacts
from bedside.vocabulary import DeviceId, Permission, SessionState

__all__ = [
    "FleetRow",
    "Told",
    "find_fleet",
    "fleet_rows",
    "journal_of_session",
    "preview",
    "sites",
]

ENTRIES_OF_A_SESSION = 200


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One device as the fleet shows it."""

    device: Device
    seen: DeviceSeen | None
    session: ServiceSession | None


@dataclass(frozen=True, slots=True)
class Told:
    """What the two journals say of a session; None where the reader may read no journal."""

    console: tuple[ShownEntry, ...]
    device: tuple[ShownEntry, ...]


def find_fleet(
    user: User,
    *,
    search: str = "",
    site: str = "",
    state: DeviceState | None = None,
    contact: str = "",
) -> QuerySet[Device]:
    """Return the devices that `user` may see, filtered; `contact` is online, offline or never."""
    found = find_devices(user, search=search, state=state, site=site)
    seen = DevicePresence.objects.filter(device=OuterRef("pk"))
    if contact == "online":
        return found.filter(Exists(seen.filter(online=True)))
    if contact == "offline":
        return found.filter(Exists(seen.filter(online=False)))
    return found.filter(~Exists(seen)) if contact == "never" else found


def fleet_rows(user: User, devices: Iterable[Device]) -> list[FleetRow]:
    """Return devices with their presence and the session that is open on each: two queries."""
    devices = list(devices)
    ids = [device.pk for device in devices]
    seen = presences(ids)
    open_sessions = {
        session.device_id: session
        for session in visible_sessions(user)
        .filter(device_id__in=ids)
        .exclude(state=SessionState.ENDED.value)
        .order_by("id")
    }
    return [
        FleetRow(device, seen.get(DeviceId(device.pk)), open_sessions.get(device.pk))
        for device in devices
    ]


def sites(user: User) -> QuerySet[Organisation]:
    """Return the sites whose devices `user` may see."""
    return organisations(user).filter(kind=Organisation.Kind.SITE)


def preview(user: User, device: Device, request: RequestFacts) -> Decision:
    """Return what would be decided if `user` asked now; asking decides anew."""
    seen = presence(device.pk) is not None
    moment = now_ms()
    return decide(gather_facts(user, device, request, seen=seen, at_ms=moment), moment)


def journal_of_session(user: User, session: ServiceSession) -> Told | None:
    """Return what both journals say of a session, as far as `user` is cleared, newest last."""
    if not has_permission(user, Permission.JOURNAL_ENTRY_READ):
        return None
    page = journal_page(user, Filters(session=session.pk), limit=ENTRIES_OF_A_SESSION)
    device = told_of_session(
        session.device_id, session.pk, limit=ENTRIES_OF_A_SESSION, clearance=clearance_of(user)
    )
    return Told(tuple(reversed(page.entries)), device)
