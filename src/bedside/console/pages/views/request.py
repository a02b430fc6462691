"""Asking for access: what would be decided and what is needed, and the command that asks.

The key of a session is made on the specialist's own computer and its secret half never leaves it:
a page cannot ask, it can only say exactly what to type.
"""

import shlex
from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from bedside.console.access.simulation import Needs
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission
from bedside.console.devices.models import Device
from bedside.console.devices.queries import access_device
from bedside.console.pages.forms import RequestForm
from bedside.console.pages.queries import preview
from bedside.console.pages.views.people import for_people
from bedside.console.pages.words import (
    ACCESS_HELP,
    GATE_NAMES,
    MODE_HELP,
    OBLIGATIONS,
    SITE_ACTIONS,
    language,
    rule_text,
)
from bedside.console.relays.queries import presence
from bedside.console.service_sessions.queries import find_sessions
from bedside.language import gate_advice, gate_sentence
from bedside.policy.decide import Decision, Obligation
from bedside.policy.facts import FILES
from bedside.vocabulary import AccessKind, Gate, Mode, Permission, SessionState, SiteAction

__all__ = ["ask"]

_TO_TYPE = frozenset({Gate.CASE, Gate.REASON})
_SITE = frozenset({Obligation.SITE_APPROVAL, Obligation.TWO_SITE_APPROVALS})
_START = {"access": "service", "mode": "view", "minutes": "30"}


@require_safe
@for_people
def ask(request: HttpRequest, user: User, device_id: str) -> HttpResponse:
    """Show what a request would meet, as the form stands; nothing is asked by looking."""
    device = access_device(user, device_id)
    check_permission(user, Permission.SESSIONS_SESSION_REQUEST)
    form = RequestForm(_typed(request))
    found = preview(user, device, form.facts, files=form.asked_files) if form.is_valid() else None
    decision = found.decision if found else None
    mine = find_sessions(user, device=device.pk, mine=True)
    context = {
        "device": device,
        "form": form,
        "access_choices": _choices(form, "access", {k.value: v for k, v in ACCESS_HELP.items()}),
        "mode_choices": _choices(form, "mode", {k.value: v for k, v in MODE_HELP.items()}),
        "files_choices": _choices(form, "also", _files(found)),
        "files": [SITE_ACTIONS[each] for each in sorted(found.facts.request.files)]
        if found
        else [],
        "denied_files": _denied_files(found),
        "decision": decision,
        "gates": _gates(decision) if decision else [],
        "obligations": [OBLIGATIONS[each] for each in decision.obligations] if decision else [],
        "incomplete": decision is not None
        and all(reason.gate in _TO_TYPE for reason in decision.refusals),
        "command": _command(device, form) if decision else "",
        "connect": f"bedside ssh {device.pk}",
        "login": f"bedside login {settings.CONFIG.public_url.rstrip('/')}",
        "seen": presence(device.pk),
        "answer_minutes": _minutes(settings.CONFIG.sessions.answer_seconds),
        "site_minutes": _minutes(settings.CONFIG.sessions.site_answer_seconds),
        "asks_site": decision is not None and not _SITE.isdisjoint(decision.obligations),
        "open": mine.exclude(state=SessionState.ENDED.value).order_by("-id").first(),
    }
    return render(request, "pages/request.html", context)


def _minutes(seconds: int) -> int:
    return -(-seconds // 60)


def _typed(request: HttpRequest) -> QueryDict:
    typed = request.GET.copy()
    for name, value in _START.items():
        typed.setdefault(name, value)
    return typed


def _files(found: Needs | None) -> dict[str, tuple[object, object]]:
    """Return the files one may ask for, each with what the site says of it."""
    site = found.facts.site if found else None
    return {
        each.value: (SITE_ACTIONS[each], rule_text(site, each) if site else "") for each in FILES
    }


def _denied_files(found: Needs | None) -> list[object]:
    """Return the files that the site denies where it denies nothing else of the request."""
    if found is None:
        return []
    (gate,) = (each for each in found.decision.reasons if each.gate is Gate.SITE_POLICY)
    denied = str(gate.fields["denied"]).split()
    if not set(denied) <= set(found.facts.request.files):
        return []
    return [SITE_ACTIONS[SiteAction(each)] for each in denied]


def _choices(
    form: RequestForm, name: str, helps: Mapping[str, tuple[object, object]]
) -> list[dict[str, object]]:
    given = form[name].value()
    chosen = given if isinstance(given, list) else [given]
    return [
        {"value": value, "name": words[0], "help": words[1], "checked": value in chosen}
        for value, words in helps.items()
    ]


def _gates(decision: Decision) -> list[dict[str, object]]:
    return [
        {
            "gate": reason.gate.value,
            "name": GATE_NAMES[reason.gate],
            "passed": reason.passed,
            # Not given yet is not a refusal: the form says what to do.
            "missing": not reason.passed and reason.gate in _TO_TYPE,
            "sentence": gate_sentence(reason.gate, language()),
            "advice": gate_advice(reason.gate, language()),
            "why": reason.fields.get("why", ""),
        }
        for reason in decision.reasons
    ]


def _command(device: Device, form: RequestForm) -> str:
    asked = form.cleaned_data
    words = [
        "bedside", "request", device.pk,
        "--access", AccessKind(asked["access"]).value,
        "--mode", Mode(asked["mode"]).value,
        "--minutes", str(asked["minutes"]),
        "--case", asked["case"] or "…",
        "--reason", asked["reason"] or "…",
    ]  # fmt: skip
    if asked["ticket"]:
        words += ["--ticket", asked["ticket"]]
    for each in sorted(asked["also"]):
        words += ["--files", each.removeprefix("files_")]
    return shlex.join(words)
