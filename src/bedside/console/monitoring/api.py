"""REST: alarms on silence, the rules that raise them, and mutes."""

from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from bedside.console.accounts.bearer import caller
from bedside.console.accounts.queries import check_permission
from bedside.console.journal.actions import now_ms
from bedside.console.monitoring import actions
from bedside.console.monitoring.models import Alarm, Mute, SilenceRule
from bedside.console.monitoring.queries import (
    access_mute,
    access_rule,
    check_may_watch,
    find_alarms,
    visible_mutes,
    visible_rules,
)
from bedside.console.rest.bodies import Body, Empty, PageQuery, Plain
from bedside.console.rest.cursors import page_after
from bedside.vocabulary import AlarmScope, Permission

router = Router(tags=["alarms"])

_WEEK_MINUTES = 7 * 24 * 60


class AlarmsQuery(PageQuery):
    """What is looked for: alarms that last or are over, of one device, site or relay."""

    target: str = Field("", max_length=64)
    state: str = Field("", pattern="^(open|cleared)?$")


class AlarmAnswer(Schema):
    """An alarm; `cleared_ms` is null while it lasts."""

    id: str
    scope: AlarmScope
    target: str
    site: str = Field(description="empty for a relay")
    devices: int = Field(description="how many were silent when it was raised")
    since_ms: int = Field(description="the last poll that is known of")
    raised_ms: int
    cleared_ms: int | None


class AlarmsPage(Schema):
    """Some alarms, newest first; `next` is null at the end."""

    items: list[AlarmAnswer]
    next: str | None


class AlarmRuleBody(Body):
    """After how long the silence of something is an alarm; the narrowest rule applies."""

    scope: AlarmScope = Field(strict=False, description="not `relay`: it needs no rule")
    target: str = Field("", max_length=64, description="its id; empty for everything")
    minutes: int = Field(15, ge=0, le=_WEEK_MINUTES, description="0: no alarm", examples=[15])


class AlarmRuleAnswer(Schema):
    """A rule that applies."""

    id: int
    scope: AlarmScope
    target: str
    minutes: int
    set_by: str
    set_ms: int


class AlarmRulesPage(Schema):
    """Some rules, oldest first; `next` is null at the end."""

    items: list[AlarmRuleAnswer]
    next: str | None


class MuteBody(Body):
    """A device or a site that raises no alarm until a moment, and why."""

    scope: AlarmScope = Field(strict=False, description="`device` or `site`")
    target: str = Field(min_length=1, max_length=64)
    reason: Plain = Field(min_length=1, max_length=200)
    until_ms: int = Field(ge=0)


class MuteAnswer(Schema):
    """A mute that holds."""

    id: str
    scope: AlarmScope
    target: str
    reason: str
    until_ms: int
    set_by: str
    set_ms: int


class MutesPage(Schema):
    """Some mutes, newest first; `next` is null at the end."""

    items: list[MuteAnswer]
    next: str | None


@router.get("/alarms", response=AlarmsPage, operation_id="listAlarms")
def list_alarms(request: HttpRequest, query: Query[AlarmsQuery]) -> dict[str, Any]:
    """Return the alarms that the caller may see, newest first."""
    user = caller(request)
    check_permission(user, Permission.MONITORING_ALARM_READ)
    is_open = {"open": True, "cleared": False}.get(query.state)
    found = find_alarms(user, is_open=is_open)
    if query.target:
        found = found.filter(target=query.target)
    page = page_after(found, query.cursor, limit=query.limit, newest_first=True)
    return {"items": [_alarm(row) for row in page.rows], "next": page.next}


@router.get("/alarm-rules", response=AlarmRulesPage, operation_id="listAlarmRules")
def list_rules(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    """Return after how long whose silence is an alarm."""
    page = page_after(visible_rules(caller(request)), query.cursor, limit=query.limit)
    return {"items": [_rule(row) for row in page.rows], "next": page.next}


@router.post("/alarm-rules", response={201: AlarmRuleAnswer}, operation_id="setAlarmRule")
def set_rule(request: HttpRequest, body: AlarmRuleBody) -> Status[dict[str, Any]]:
    """Say after how long the silence of something is an alarm, instead of what was said before."""
    user = caller(request)
    actions.check_ruled(body.scope, body.target)
    check_may_watch(user, body.scope, body.target)
    rule = actions.do_set_rule(body.scope, body.target, minutes=body.minutes, acting_user=user)
    return Status(201, _rule(rule))


@router.post("/alarm-rules/{rule_id}/remove", response={204: None}, operation_id="removeAlarmRule")
def remove_rule(request: HttpRequest, body: Empty, rule_id: int) -> Status[None]:
    """Let a wider rule apply again, or none."""
    del body
    user = caller(request)
    actions.do_drop_rule(access_rule(user, rule_id), acting_user=user)
    return Status(204, None)


@router.get("/mutes", response=MutesPage, operation_id="listMutes")
def list_mutes(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    """Return the mutes that hold, newest first."""
    found = visible_mutes(caller(request), now=now_ms())
    page = page_after(found, query.cursor, limit=query.limit, newest_first=True)
    return {"items": [_mute(row) for row in page.rows], "next": page.next}


@router.post("/mutes", response={201: MuteAnswer}, operation_id="setMute")
def set_mute(request: HttpRequest, body: MuteBody) -> Status[dict[str, Any]]:
    """Let a device or a site raise no alarm for a while; an alarm that lasts is over."""
    user = caller(request)
    actions.check_muted(body.scope)
    check_may_watch(user, body.scope, body.target)
    mute = actions.do_mute(
        body.scope, body.target, reason=body.reason, until_ms=body.until_ms, acting_user=user
    )
    return Status(201, _mute(mute))


@router.post("/mutes/{mute_id}/end", response={204: None}, operation_id="endMute")
def end_mute(request: HttpRequest, body: Empty, mute_id: str) -> Status[None]:
    """End a mute before its time."""
    del body
    user = caller(request)
    actions.do_end_mute(access_mute(user, mute_id, now=now_ms()), acting_user=user)
    return Status(204, None)


def _alarm(row: Alarm) -> dict[str, Any]:
    return {name: getattr(row, name) for name in AlarmAnswer.model_fields}


def _rule(row: SilenceRule) -> dict[str, Any]:
    return {
        "id": row.pk,
        "scope": row.scope,
        "target": row.target,
        "minutes": row.minutes,
        "set_by": row.set_by.name,
        "set_ms": row.set_ms,
    }


def _mute(row: Mute) -> dict[str, Any]:
    return {
        "id": row.pk,
        "scope": row.scope,
        "target": row.target,
        "reason": row.reason,
        "until_ms": row.until_ms,
        "set_by": row.set_by.name,
        "set_ms": row.set_ms,
    }
