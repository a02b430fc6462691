"""The relays: how each is, who prefers which, and taking one out of service."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission, has_permission
from bedside.console.devices.actions import do_pin_to_relays
from bedside.console.devices.models import RelayPin
from bedside.console.devices.queries import (
    access_pin,
    check_may_manage_relays,
    pin_reach,
    pins,
)
from bedside.console.monitoring.retirement import access_relay, do_retire_relay
from bedside.console.pages.relay_forms import PIN_SCOPES, PinForm, RetireForm
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, zone_of
from bedside.console.relays.queries import (
    MOST_COUNTED,
    devices_polling,
    relays_heard,
    retired_relays,
)
from bedside.vocabulary import Permission

__all__ = ["pin_remove", "relays", "retire"]

_METHODS = ["GET", "HEAD", "POST"]
_MANAGE = Permission.RELAYS_RELAY_MANAGE


@require_http_methods(_METHODS)
@for_people
def relays(request: HttpRequest, user: User) -> HttpResponse:
    """Show the relays and the pins; set a pin, after it was seen where its devices go."""
    posting = request.method == "POST"
    _check_may_look(user)
    if posting:
        check_may_manage_relays(user)
    form = PinForm(request.POST if posting else None)
    asked = form.pin if posting and form.is_valid() else None
    if asked is not None and "apply" in request.POST:
        scope = RelayPin.Scope(asked.scope)
        do_pin_to_relays(scope, asked.subject, asked.relays, acting_user=user)
        messages.success(request, _("The pin holds: its devices are told one after another."))
        return redirect("relays")
    context = {**_shown(request, user), "form": form, **_preview(asked)}
    wrong = posting and asked is None
    return render(request, "pages/relays.html", context, status=400 if wrong else 200)


@require_POST
@for_people
def pin_remove(request: HttpRequest, user: User, pin_id: int) -> HttpResponse:
    """Let what a pin named choose by itself again, or follow a wider pin."""
    pin = access_pin(user, pin_id)
    do_pin_to_relays(RelayPin.Scope(pin.scope), pin.subject, (), acting_user=user)
    messages.success(request, _("The pin is removed: its devices are told one after another."))
    return redirect("relays")


@require_http_methods(_METHODS)
@for_people
def retire(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """Say what it does to take a relay out of service, and do it for whoever types its name."""
    does = access_relay(user, name)
    posting = request.method == "POST"
    form = RetireForm(request.POST if posting else None, name=name, does=does)
    if posting and form.is_valid() and _is_retired(form, name, user):
        messages.success(request, _("Relay “%(name)s” is retired.") % {"name": name})
        return redirect("relays")
    context = {"name": name, "does": does, "form": form, "most": MOST_COUNTED}
    status = (409 if does.last else 400) if posting else 200
    return render(request, "pages/relay_retire.html", context, status=status)


def _is_retired(form: RetireForm, name: str, user: User) -> bool:
    told = form.cleaned_data
    try:
        do_retire_relay(
            name,
            reason=told["reason"],
            despite_devices=told.get("despite_devices", False),
            acting_user=user,
        )
    except ValidationError as error:
        # Whoever came to poll it, or the last other relay that went, since the form was made.
        form.add_error(None, error.messages)
        return False
    except LookupError:
        raise Http404 from None
    return True


def _check_may_look(user: User) -> None:
    check_permission(user, Permission.DEVICES_DEVICE_READ)
    if user.site:
        raise PermissionDenied(Permission.DEVICES_DEVICE_READ)


def _shown(request: HttpRequest, user: User) -> dict[str, Any]:
    page = page_of(request, pins(user))
    reach = pin_reach()
    return {
        "relays": [(relay, devices_polling(relay.name)) for relay in relays_heard()],
        "most": MOST_COUNTED,
        "retired": retired_relays(),
        "pins": [
            (pin, PIN_SCOPES[RelayPin.Scope(pin.scope)], reach.get((pin.scope, pin.subject), 0))
            for pin in page.rows
        ],
        "may_manage": has_permission(user, _MANAGE),
        "zone": zone_of(user),
        "later": "after" in request.GET,
        "next": f"after={page.next}" if page.next else "",
        "first": "",
    }


def _preview(asked: RelayPin | None) -> dict[str, Any]:
    if asked is None:
        return {"asked": None}
    return {
        "asked": asked,
        "asked_kind": PIN_SCOPES[RelayPin.Scope(asked.scope)],
        "reach": pin_reach(asked).get((asked.scope, asked.subject), 0),
    }
