"""Which alarms, rules and mutes a person may see, and the facts of the next turn."""

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import check_permission, has_permission
from bedside.console.devices.models import Device, Product
from bedside.console.devices.queries import access_device
from bedside.console.monitoring.models import Alarm, Mute, SilenceRule
from bedside.console.monitoring.plan import RELAY_ALARM_MS, Facts, Key, Silent
from bedside.console.relays.queries import relays_heard, silent_devices
from bedside.console.sites.queries import access_site
from bedside.policy.facts import DeviceState
from bedside.vocabulary import AlarmScope, Permission

__all__ = [
    "access_mute",
    "access_rule",
    "alarm_facts",
    "check_may_watch",
    "find_alarms",
    "lasting_alarm",
    "monitored_products",
    "visible_mutes",
    "visible_rules",
    "watched",
]

_AT_ONCE = 1_000
_MINUTE_MS = 60_000


def find_alarms(user: User, *, is_open: bool | None = None) -> QuerySet[Alarm]:
    """Return visible alarms, open ones, ended ones or all: a site's people see their site's only."""
    alarms = Alarm.objects.all()
    if not has_permission(user, Permission.MONITORING_ALARM_READ):
        return alarms.none()
    if user.site:
        alarms = alarms.filter(site=user.site)
    return alarms if is_open is None else alarms.filter(cleared_ms__isnull=is_open)


def lasting_alarm(device: Device) -> Alarm | None:
    """Return the alarm that lasts for a device or its site."""
    return Alarm.objects.filter(_about(device), cleared_ms=None).order_by("scope").first()


def watched(device: Device, *, now: int) -> tuple[Alarm | None, Mute | None]:
    """Return the alarm that lasts for a device or its site, and the mute that holds for it."""
    mutes = Mute.objects.filter(_about(device), until_ms__gt=now)
    return lasting_alarm(device), mutes.order_by("-until_ms").first()


def _about(device: Device) -> Q:
    return Q(scope=AlarmScope.DEVICE, target=device.pk) | Q(
        scope=AlarmScope.SITE, target=device.site_id
    )


def visible_rules(user: User) -> QuerySet[SilenceRule]:
    """Return the rules that `user` may see: a site's people those that concern their site."""
    check_permission(user, Permission.MONITORING_ALARM_READ)
    rules = SilenceRule.objects.select_related("set_by")
    return rules.filter(_of_site(user.site)) if user.site else rules


def visible_mutes(user: User, *, now: int) -> QuerySet[Mute]:
    """Return the mutes that hold at `now`, as far as `user` may see them."""
    check_permission(user, Permission.MONITORING_ALARM_READ)
    mutes = Mute.objects.select_related("set_by").filter(until_ms__gt=now)
    return mutes.filter(_of_site(user.site)) if user.site else mutes


def access_rule(user: User, rule_id: int) -> SilenceRule:
    """Return a rule that `user` may change; Http404 or PermissionDenied."""
    rule = visible_rules(user).filter(pk=rule_id).first()
    if rule is None:
        raise Http404
    check_may_watch(user, AlarmScope(rule.scope), rule.target)
    return rule


def access_mute(user: User, mute_id: str, *, now: int) -> Mute:
    """Return a mute that `user` may end; Http404 or PermissionDenied."""
    mute = visible_mutes(user, now=now).filter(pk=mute_id).first()
    if mute is None:
        raise Http404
    check_may_watch(user, AlarmScope(mute.scope), mute.target)
    return mute


def check_may_watch(user: User, scope: AlarmScope, target: str) -> None:
    """Let through whoever may say when this thing's silence is an alarm.

    A site's own people say it of their site and its devices; of products and everything the
    manufacturer does. Raises Http404 for what there is not, PermissionDenied.
    """
    needed = Permission.MONITORING_ALARM_MANAGE
    match scope:
        case AlarmScope.DEVICE:
            access_device(user, target, needed)
        case AlarmScope.SITE:
            access_site(user, target, needed)
        case AlarmScope.PRODUCT | AlarmScope.EVERYTHING:
            check_permission(user, needed)
            if user.site:
                raise PermissionDenied(needed)
            if scope is AlarmScope.PRODUCT and not Product.objects.filter(pk=target).exists():
                raise Http404
        case AlarmScope.RELAY:
            raise PermissionDenied(needed)


def monitored_products() -> tuple[Product, ...]:
    """Return the products whose devices' silence is an alarm by default, without their profiles."""
    return tuple(Product.objects.filter(monitored=True).defer("profile"))


def alarm_facts(*, now: int, awake_ms: int) -> Facts:
    """Return what decides about alarms; what is asked grows with the silent devices only.

    Args:
        now: Unix milliseconds.
        awake_ms: since when everybody could be heard.
    """
    rules = {_key(rule): rule.minutes for rule in SilenceRule.objects.all()}
    open_ = frozenset(map(_key, Alarm.objects.filter(cleared_ms=None)))
    monitored = monitored_products()
    default = settings.CONFIG.alarms.silence_minutes if monitored else 0
    shortest = min(filter(None, (*rules.values(), default)), default=0)
    silent = _silent(now - shortest * _MINUTE_MS) if shortest else ()
    sites = {each.site for each in silent}
    in_service = Device.objects.filter(site__in=sites, state=DeviceState.ENROLLED)
    return Facts(
        rules=rules,
        monitored=frozenset(product.pk for product in monitored),
        default_minutes=default,
        muted=frozenset(map(_key, Mute.objects.filter(until_ms__gt=now))),
        silent=silent,
        in_service=dict(in_service.values_list("site").annotate(Count("pk")).order_by()),
        lost_relays=_lost_relays(open_, long_awake=now - awake_ms >= RELAY_ALARM_MS),
        open=open_,
    )


def _lost_relays(open_: frozenset[Key], *, long_awake: bool) -> dict[str, int]:
    """Return when each lost relay was last heard; after a start or an absence, those that are an alarm already."""
    return {
        each.name: each.seen_ms
        for each in relays_heard()
        if each.lost and each.seen_ms and (long_awake or (AlarmScope.RELAY, each.name) in open_)
    }


def _silent(before_ms: int) -> tuple[Silent, ...]:
    polled = silent_devices(before_ms=before_ms)
    names = list(polled)
    found = []
    for at in range(0, len(names), _AT_ONCE):
        here = Device.objects.filter(pk__in=names[at : at + _AT_ONCE], state=DeviceState.ENROLLED)
        found += [
            Silent(device, site, product, polled[device])
            for device, site, product in here.values_list("pk", "site_id", "product_id")
        ]
    return tuple(found)


def _key(row: Alarm | Mute | SilenceRule) -> Key:
    return AlarmScope(row.scope), row.target


def _of_site(site: str) -> Q:
    devices = Device.objects.filter(site_id=site).values("pk")
    own = Q(scope=AlarmScope.SITE, target=site)
    return own | Q(scope=AlarmScope.DEVICE, target__in=devices)
