"""Alarms on silence: what lasts, what is over, the rules that raise them, and who is muted."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission, has_permission
from bedside.console.journal.actions import now_ms
from bedside.console.monitoring import actions
from bedside.console.monitoring.models import Alarm, Mute, SilenceRule
from bedside.console.monitoring.queries import (
    access_mute,
    access_rule,
    find_alarms,
    monitored_products,
    visible_mutes,
    visible_rules,
)
from bedside.console.pages.alarm_forms import SCOPES, MuteForm, RuleForm
from bedside.console.pages.views.paging import page_of
from bedside.console.pages.views.people import for_people, zone_of
from bedside.vocabulary import AlarmScope, Permission

__all__ = ["alarms", "mute_end", "rule_remove"]

_MOST = 100


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def alarms(request: HttpRequest, user: User) -> HttpResponse:
    """Show alarms with the rules and mutes behind them; set a rule or a mute."""
    posting = request.method == "POST"
    read, manage = Permission.MONITORING_ALARM_READ, Permission.MONITORING_ALARM_MANAGE
    check_permission(user, manage if posting else read)
    data = request.POST if posting else None
    rule = RuleForm(data if "rule" in request.POST else None, user=user, prefix="rule")
    mute = MuteForm(data if "mute" in request.POST else None, user=user, prefix="mute")
    if posting and _is_done(request, user, rule, mute):
        return redirect("alarms")
    context = {**_shown(request, user), "rule_form": rule, "mute_form": mute}
    return render(request, "pages/alarms.html", context, status=400 if posting else 200)


@require_POST
@for_people
def rule_remove(request: HttpRequest, user: User, rule_id: int) -> HttpResponse:
    """Let a wider rule apply again, or none."""
    actions.do_drop_rule(access_rule(user, rule_id), acting_user=user)
    messages.success(request, _("The rule is removed."))
    return redirect("alarms")


@require_POST
@for_people
def mute_end(request: HttpRequest, user: User, mute_id: str) -> HttpResponse:
    """End a mute before its time."""
    actions.do_end_mute(access_mute(user, mute_id, now=now_ms()), acting_user=user)
    messages.success(request, _("The mute is ended."))
    return redirect("alarms")


def _is_done(request: HttpRequest, user: User, rule: RuleForm, mute: MuteForm) -> bool:
    if rule.is_bound and rule.is_valid():
        told = rule.cleaned_data
        actions.do_set_rule(
            told["scope"], told["target"], minutes=told["minutes"], acting_user=user
        )
        messages.success(request, _("The rule holds."))
        return True
    if mute.is_bound and mute.is_valid():
        told = mute.cleaned_data
        actions.do_mute(
            told["scope"],
            told["target"],
            reason=told["reason"],
            until_ms=mute.until_ms,
            acting_user=user,
        )
        messages.success(request, _("It is muted."))
        return True
    return False


def _shown(request: HttpRequest, user: User) -> dict[str, Any]:
    state = request.GET.get("state", "open")
    is_open = {"open": True, "cleared": False}.get(state)
    page = page_of(request, find_alarms(user, is_open=is_open), newest_first=True)
    kept = {"state": state if is_open is not None else "all"}
    return {
        "rows": _named(page.rows),
        "state": kept["state"],
        "rules": _named(visible_rules(user)[:_MOST]),
        "monitored": monitored_products(),
        "default_minutes": settings.CONFIG.alarms.silence_minutes,
        "mutes": _named(visible_mutes(user, now=now_ms())[:_MOST]),
        "may_manage": has_permission(user, Permission.MONITORING_ALARM_MANAGE),
        "zone": zone_of(user),
        "later": "after" in request.GET,
        "next": urlencode({**kept, "after": page.next}) if page.next else "",
        "first": urlencode(kept),
    }


def _named(rows: Iterable[Alarm | SilenceRule | Mute]) -> list[tuple[object, object]]:
    return [(row, SCOPES[AlarmScope(row.scope)]) for row in rows]
