"""The fleet: search first, one row a device, filters in the address."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission
from bedside.console.devices.queries import find_devices
from bedside.console.pages.forms import FleetFilters
from bedside.console.pages.queries import fleet_rows
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, stream, zone_of
from bedside.console.pages.words import minutes_text
from bedside.console.relays.queries import relays_heard
from bedside.policy.facts import DeviceState
from bedside.vocabulary import Contact, Permission

__all__ = ["fleet"]


@require_safe
@for_people
def fleet(request: HttpRequest, user: User) -> HttpResponse:
    """Show the devices that the person may see."""
    check_permission(user, Permission.DEVICES_DEVICE_READ)
    form = FleetFilters(request.GET, user=user)
    values = form.values
    state = DeviceState(values["state"]) if "state" in values else None
    found = find_devices(
        user,
        search=values.get("q", ""),
        site=values.get("site", ""),
        state=state,
        contact=Contact(values["contact"]) if "contact" in values else None,
    )
    page = page_of(request, found)
    context = {
        "form": form,
        "rows": fleet_rows(user, page.rows),
        "filtered": bool(values),
        "later": "after" in request.GET,
        "next": urlencode({**values, "after": page.next}) if page.next else "",
        "first": urlencode(values),
        "relays": _relays(),
        "zone": zone_of(user),
        "stream": stream("/live/fleet/events"),
    }
    return render(request, "pages/fleet.html", context)


def _relays() -> list[dict[str, Any]]:
    """What a reader must know of relays to believe the contact of their devices."""
    shown = [each for each in relays_heard() if each.lost or each.clock_off]
    return [{"heard": each, "clock": _clock_words(each.offset_ms)} for each in shown]


def _clock_words(offset_ms: int) -> str:
    minutes = {"minutes": minutes_text(abs(offset_ms) // 1000)}
    if offset_ms > 0:
        return _("It is %(minutes)s ahead of the console's.") % minutes
    return _("It is %(minutes)s behind the console's.") % minutes
