"""Who may do what, and why: rules with a preview, a simulator, contracts."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from bedside.console.access.actions import do_save_entitlement, do_save_start_rules
from bedside.console.access.forms import RuleFormSet, rules_of
from bedside.console.access.models import Entitlement
from bedside.console.access.queries import newest_policy, stored_rules
from bedside.console.access.simulation import preview_rules, simulate
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission, has_permission
from bedside.console.journal.actions import now_ms
from bedside.console.pages.policy_forms import EntitlementForm, SimulationForm
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, zone_of
from bedside.console.pages.words import GATE_NAMES, MODE_HELP, OBLIGATIONS, fact_text, language
from bedside.console.relays.queries import presence
from bedside.language import gate_advice, gate_sentence
from bedside.policy.decide import Decision
from bedside.policy.facts import StartRule
from bedside.vocabulary import Mode, Permission

__all__ = ["entitlements", "rules", "simulator"]

_METHODS = ["GET", "HEAD", "POST"]
_START = {"access": "service", "mode": "view", "minutes": "30", "trained": "on", "level": "3"}


@require_http_methods(_METHODS)
@for_people
def rules(request: HttpRequest, user: User) -> HttpResponse:
    """Show the rules of level and country; a change is shown by whom it touches, then made."""
    posting = request.method == "POST"
    needed = Permission.ACCESS_POLICY_MANAGE if posting else Permission.ACCESS_POLICY_READ
    check_permission(user, needed)
    formset = RuleFormSet(request.POST if posting else None, initial=_initial(), prefix="rule")
    changes = None
    if posting and formset.is_valid():
        wanted = rules_of(formset)
        if "apply" in request.POST:
            do_save_start_rules(wanted, acting_user=user)
            messages.success(request, _("The rules apply from now on."))
            return redirect("policy")
        changes = preview_rules(wanted, at_ms=now_ms())
    context = {
        "formset": formset,
        "changes": changes,
        "losing": len({each.holder.id for each in changes if each.loses}) if changes else 0,
        "rules": stored_rules(),
        "saved": newest_policy(),
        "zone": zone_of(user),
        "modes": {mode.value: MODE_HELP[mode][0] for mode in Mode},
        "may_manage": has_permission(user, Permission.ACCESS_POLICY_MANAGE),
    }
    wrong = posting and not formset.is_valid()
    return render(request, "pages/rules.html", context, status=400 if wrong else 200)


@require_safe
@for_people
def simulator(request: HttpRequest, user: User) -> HttpResponse:
    """Answer "what if", gate by gate and fact by fact; nothing is asked by looking."""
    check_permission(user, Permission.ACCESS_POLICY_READ)
    asked = bool(request.GET)
    form = SimulationForm(request.GET if asked else None, user=user, initial=_START)
    decision, at_ms = None, now_ms()
    if asked and form.is_valid():
        device = form.cleaned_data["device"]
        at_ms = form.at_ms(at_ms)
        seen = presence(device.pk) is not None
        decision = simulate(
            form.who, device, form.request, files=form.asked_files, at_ms=at_ms, seen=seen
        )
    context = {
        "form": form,
        "asked": asked,
        "decision": decision,
        "gates": explained(decision) if decision else [],
        "obligations": [OBLIGATIONS[each] for each in decision.obligations] if decision else [],
        "at_ms": at_ms,
        "zone": form.cleaned_data["device"].site.timezone if decision else "UTC",
    }
    wrong = asked and not form.is_valid()
    return render(request, "pages/simulator.html", context, status=400 if wrong else 200)


@require_http_methods(_METHODS)
@for_people
def entitlements(request: HttpRequest, user: User) -> HttpResponse:
    """Show what contracts cover; state one anew."""
    posting = request.method == "POST"
    needed = Permission.ACCESS_ENTITLEMENT_MANAGE if posting else Permission.ACCESS_POLICY_READ
    check_permission(user, needed)
    form = EntitlementForm(request.POST if posting else None, user=user)
    if posting and form.is_valid():
        try:
            do_save_entitlement(form.cleaned_data["covered"], form.interval, acting_user=user)
        except ValidationError as error:
            form.add_error("end", error)
        else:
            messages.success(request, _("The contract is stated."))
            return redirect("entitlements")
    found = Entitlement.objects.select_related("site", "device__site").order_by("id")
    page = page_of(request, found)
    context = {
        "rows": page.rows,
        "form": form,
        "now_ms": now_ms(),
        "zone": zone_of(user),
        "may_manage": has_permission(user, Permission.ACCESS_ENTITLEMENT_MANAGE),
        "later": "after" in request.GET,
        "next": f"after={page.next}" if page.next else "",
        "first": "",
    }
    return render(request, "pages/entitlements.html", context, status=400 if form.is_bound else 200)


def explained(decision: Decision) -> list[dict[str, Any]]:
    """Return every gate of a decision with the facts that it looked at, in the reader's words."""
    return [
        {
            "gate": reason.gate.value,
            "name": GATE_NAMES[reason.gate],
            "passed": reason.passed,
            "sentence": gate_sentence(reason.gate, language()),
            "advice": gate_advice(reason.gate, language()),
            "facts": [
                (*fact_text(name, value), int(value) if name.endswith("_ms") else None)
                for name, value in reason.fields.items()
                if value not in ("", 0)
            ],
        }
        for reason in decision.reasons
    ]


def _initial() -> list[dict[str, Any]]:
    return [_row(rule) for rule in stored_rules()]


def _row(rule: StartRule) -> dict[str, Any]:
    return {
        "level": rule.level.value,
        "country": rule.country,
        "product": rule.product,
        "start_view": Mode.VIEW in rule.start,
        "start_control": Mode.CONTROL in rule.start,
        "join_view": Mode.VIEW in rule.join,
        "join_control": Mode.CONTROL in rule.join,
    }
