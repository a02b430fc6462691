"""The fleet: search first, one row a device, filters in the address."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission
from bedside.console.devices.queries import find_devices
from bedside.console.pages.forms import FleetFilters
from bedside.console.pages.queries import fleet_rows
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, stream
from bedside.policy.facts import DeviceState
from bedside.vocabulary import Permission

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
        contact=values.get("contact", ""),
    )
    page = page_of(request, found)
    context = {
        "form": form,
        "rows": fleet_rows(user, page.rows),
        "filtered": bool(values),
        "later": "after" in request.GET,
        "next": urlencode({**values, "after": page.next}) if page.next else "",
        "first": urlencode(values),
        "stream": stream("/live/fleet/events"),
    }
    return render(request, "pages/fleet.html", context)
