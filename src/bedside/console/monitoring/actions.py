"""Every change of rules and mutes, and the worker's turn that raises and clears alarms."""

from collections.abc import Mapping

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.audit.entry import DetailValue, Thing, short
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import actor_of
from bedside.console.journal.actions import now_ms, record, worker_actor
from bedside.console.monitoring.models import Alarm, Mute, SilenceRule
from bedside.console.monitoring.plan import Key, Raise, plan
from bedside.console.monitoring.queries import alarm_facts
from bedside.console.monitoring.telling import tell_alarm
from bedside.vocabulary import AlarmScope, JournalAction

__all__ = [
    "LONGEST_MUTE_MS",
    "check_muted",
    "check_ruled",
    "do_clear_alarm",
    "do_drop_rule",
    "do_end_mute",
    "do_forget_alarms",
    "do_mute",
    "do_set_rule",
    "do_watch_silence",
]

_DAY_MS = 24 * 3600 * 1000
LONGEST_MUTE_MS = 90 * _DAY_MS
# Others write between two batches, and seal between two turns.
_A_BATCH = 500
_BATCHES = 20


def do_set_rule(scope: AlarmScope, target: str, *, minutes: int, acting_user: User) -> SilenceRule:
    """Say after how many minutes the silence of something is an alarm; 0: never.

    Raises ValidationError where everything has a name, or one thing has none.
    """
    check_ruled(scope, target)
    with transaction.atomic():
        values = {"minutes": minutes, "set_by": acting_user, "set_ms": now_ms()}
        rule, _new = SilenceRule.objects.update_or_create(
            scope=scope, target=target, defaults=values
        )
        detail: dict[str, DetailValue] = {"scope": scope.value, "silence_minutes": minutes}
        _record(JournalAction.ALARM_RULE_CHANGED, (scope, target), acting_user, detail)
    return rule


def do_drop_rule(rule: SilenceRule, *, acting_user: User) -> None:
    """Let a wider rule apply again, or none."""
    with transaction.atomic():
        if SilenceRule.objects.filter(pk=rule.pk).delete()[0]:
            key = AlarmScope(rule.scope), rule.target
            detail = {"scope": rule.scope, "change": "removed"}
            _record(JournalAction.ALARM_RULE_CHANGED, key, acting_user, detail)


def do_mute(
    scope: AlarmScope, target: str, *, reason: str, until_ms: int, acting_user: User
) -> Mute:
    """Let a device or a site raise no alarm until a moment; ValidationError for another moment."""
    text, moment = short(" ".join(reason.split()), 200), now_ms()
    if not text:
        raise ValidationError({"reason": _("Say why.")})
    check_muted(scope)
    if until_ms <= moment:
        raise ValidationError({"until_ms": _("This moment is past: a mute ends later than now.")})
    if until_ms > moment + LONGEST_MUTE_MS:
        raise ValidationError({"until_ms": _("A mute ends within 90 days.")})
    with transaction.atomic():
        mute = Mute.objects.create(
            scope=scope, target=target, reason=text, until_ms=until_ms, set_by=acting_user
        )
        detail: dict[str, DetailValue] = {
            "scope": scope.value,
            "reason": text,
            "until_ms": until_ms,
        }
        _record(JournalAction.ALARM_MUTE_SET, (scope, target), acting_user, detail)
    return mute


def do_end_mute(mute: Mute, *, acting_user: User) -> None:
    """End a mute before its time; what is still silent is an alarm again."""
    moment = now_ms()
    with transaction.atomic():
        if Mute.objects.filter(pk=mute.pk, until_ms__gt=moment).update(until_ms=moment):
            key = AlarmScope(mute.scope), mute.target
            detail = {"scope": mute.scope}
            _record(JournalAction.ALARM_MUTE_ENDED, key, acting_user, detail)


def do_watch_silence(*, now: int, awake_ms: int) -> None:
    """Raise what is due and clear what is over, each told once in the transaction of its change.

    Args:
        now: Unix milliseconds.
        awake_ms: since when everybody could be heard.
    """
    step = plan(alarm_facts(now=now, awake_ms=awake_ms), now=now)
    for key in sorted(step.cleared):
        with transaction.atomic():
            do_clear_alarm(key, now=now)
    for alarm in step.raised:
        with transaction.atomic():
            _raise(alarm, now)


def _raise(alarm: Raise, now: int) -> None:
    scope, target = alarm.key
    row, new = Alarm.objects.get_or_create(
        scope=scope,
        target=target,
        cleared_ms=None,
        defaults={
            "site": alarm.site,
            "devices": alarm.devices,
            "since_ms": alarm.since_ms,
            "raised_ms": now,
        },
    )
    if new:
        detail = {"count": alarm.devices, "silent_since_ms": alarm.since_ms}
        _record(JournalAction.ALARM_SILENCE_RAISED, alarm.key, None, detail)
        tell_alarm(row)


def do_clear_alarm(key: Key, *, now: int) -> None:
    """End the alarm that lasts for something, if one does, and tell it; call it in a transaction."""
    scope, target = key
    row = Alarm.objects.select_for_update().filter(scope=scope, target=target, cleared_ms=None)
    alarm = row.first()
    if alarm is not None and row.update(cleared_ms=now):
        alarm.cleared_ms = now
        _record(JournalAction.ALARM_SILENCE_CLEARED, key, None, {"silent_since_ms": alarm.since_ms})
        tell_alarm(alarm)


def do_forget_alarms(*, now: int) -> int:
    """Forget some of the alarms that were over `[alarms] keep_days` ago; return how many.

    The journal keeps its entries of them. What is left is forgotten at the next turn.
    """
    before_ms = now - settings.CONFIG.alarms.keep_days * _DAY_MS
    old = Alarm.objects.filter(cleared_ms__lt=before_ms).order_by("cleared_ms")
    forgotten = 0
    for _turn in range(_BATCHES):
        some = list(old.values_list("pk", flat=True)[:_A_BATCH])
        with transaction.atomic():
            forgotten += Alarm.objects.filter(pk__in=some).delete()[0]
        if len(some) < _A_BATCH:
            break
    return forgotten


def check_muted(scope: AlarmScope) -> None:
    """Raise ValidationError unless this is what can be muted."""
    if scope not in (AlarmScope.DEVICE, AlarmScope.SITE):
        raise ValidationError({"scope": _("A device or a site is muted, nothing else.")})


def check_ruled(scope: AlarmScope, target: str) -> None:
    """Raise ValidationError unless a rule can be about this; only everything has no name."""
    if scope is AlarmScope.RELAY:
        words = _("A relay that is lost is an alarm without any rule.")
        raise ValidationError({"scope": words})
    if (scope is AlarmScope.EVERYTHING) != (not target):
        wrong = ValidationError(_("Name the one thing; everything has no name."), code="target")
        raise ValidationError({"target": [wrong]})


def _record(
    action: JournalAction, key: Key, user: User | None, detail: Mapping[str, DetailValue]
) -> None:
    scope, target = key
    actor = actor_of(user) if user else worker_actor()
    record(action, actor=actor, thing=Thing(scope.value, target or "everything"), detail=detail)
