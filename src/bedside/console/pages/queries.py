"""What pages put together from the doors below: nothing here is reached another way."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import get_language

from bedside.console.access.simulation import Needs, needs
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import has_permission
from bedside.console.devices.models import Device
from bedside.console.journal.actions import now_ms
from bedside.console.journal.queries import Filters, ShownEntry
from bedside.console.journal.told import told_of_session
from bedside.console.records.queries import clearance_of, journal_page
from bedside.console.relays.queries import DeviceSeen, presence, presences
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.service_sessions.queries import visible_sessions
from bedside.console.sites.models import BreakGlass
from bedside.console.sites.queries import Lagging, lagging, running_glass
from bedside.language import gate_sentence, parse_language
from bedside.policy.facts import RequestFacts
from bedside.protocol.site import SitePolicy
from bedside.vocabulary import DeviceId, Permission, SessionState, SiteAction

__all__ = [
    "FleetRow",
    "Told",
    "fleet_rows",
    "journal_of_session",
    "lagging_shown",
    "preview",
]

ENTRIES_OF_A_SESSION = 200
_MOST_LAGGING = 50


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One device as the fleet shows it."""

    device: Device
    seen: DeviceSeen | None
    session: ServiceSession | None
    glass: BreakGlass | None


@dataclass(frozen=True, slots=True)
class Told:
    """What the two journals say of a session; None where the reader may read no journal."""

    console: tuple[ShownEntry, ...]
    device: tuple[ShownEntry, ...]


def fleet_rows(user: User, devices: Iterable[Device]) -> list[FleetRow]:
    """Return devices with their presence, the session that is open on each, and emergencies: three queries."""
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
    broken = running_glass(ids, now_ms())
    return [
        FleetRow(
            device,
            seen.get(DeviceId(device.pk)),
            open_sessions.get(device.pk),
            broken.get(device.pk),
        )
        for device in devices
    ]


def preview(
    user: User, device: Device, request: RequestFacts, *, files: frozenset[SiteAction] | None
) -> Needs:
    """Return what would be decided if `user` asked now, and why; asking decides anew.

    `files` is what is asked for by name, None for what the site leaves to the device.
    """
    seen = presence(device.pk) is not None
    return needs(user, device, request, files=files, at_ms=now_ms(), seen=seen)


def journal_of_session(user: User, session: ServiceSession) -> Told | None:
    """Return what both journals say of a session, as far as `user` is cleared, newest last."""
    if not has_permission(user, Permission.JOURNAL_ENTRY_READ):
        return None
    page = journal_page(user, Filters(session=session.pk), limit=ENTRIES_OF_A_SESSION)
    device = told_of_session(
        session.device_id, session.pk, limit=ENTRIES_OF_A_SESSION, clearance=clearance_of(user)
    )
    return Told(tuple(reversed(page.entries)), device)


def lagging_shown(site_id: str, policy: SitePolicy | None) -> list[tuple[Lagging, str]]:
    """Return the site's devices that do not apply its newest policy, and the refusal in words."""
    language = parse_language(get_language() or "en")
    return [
        (each, gate_sentence(each.refused, language) if each.refused else "")
        for each in lagging(site_id, policy, limit=_MOST_LAGGING)
    ]
