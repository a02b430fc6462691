"""Every change of what a site says at the console, each with its journal entry.

A window, an arrangement or broken glass narrows or asks; the device holds its own beside them. What
the site signs is in `policies`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bedside.audit.entry import Actor, DetailValue, Thing, short
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import actor_of
from bedside.console.devices.models import Device
from bedside.console.journal.actions import now_ms, record, worker_actor
from bedside.console.notices.sealing import seal_secret
from bedside.console.notices.webhook import check_url, new_secret
from bedside.console.sites.models import (
    BreakGlass,
    SiteArrangement,
    SiteContact,
    SiteHook,
    SiteWindow,
)
from bedside.console.sites.queries import may_review
from bedside.policy.decide import BREAK_GLASS_S
from bedside.vocabulary import JournalAction

__all__ = [
    "Window",
    "do_add_hook",
    "do_arrange",
    "do_break_glass",
    "do_close_window",
    "do_end_glass",
    "do_lapse_glass",
    "do_open_window",
    "do_remove_contact",
    "do_remove_hook",
    "do_review_glass",
    "do_save_contact",
]

_MAX_WINDOW_MS = 92 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A service window as a person states it: Unix milliseconds, one device or all of the site."""

    start_ms: int
    end_ms: int
    device: Device | None = None
    ticket: str = ""
    note: str = ""


def do_arrange(site: Organisation, kind: SiteArrangement.Kind, *, acting_user: User) -> None:
    """State how access to the site's devices is arranged: standing, scheduled or on request."""
    with transaction.atomic():
        known = SiteArrangement.objects.filter(pk=site.pk).first()
        if (known.kind if known else SiteArrangement.Kind.STANDING) == kind:
            return
        SiteArrangement.objects.update_or_create(site=site, defaults={"kind": kind})
        record(
            JournalAction.SITE_WINDOW_CHANGED,
            actor=actor_of(acting_user),
            thing=Thing("site", site.pk),
            detail={"change": f"arrangement {kind.value}"},
        )


def do_open_window(site: Organisation, window: Window, *, acting_user: User) -> SiteWindow:
    """Plan a service window; raises ValidationError for one without length, past, or too long."""
    moment = now_ms()
    if window.end_ms <= max(window.start_ms, moment):
        raise ValidationError(_("The end must be after the start, and in the future."), code="end")
    if window.end_ms - window.start_ms > _MAX_WINDOW_MS:
        raise ValidationError(_("A window lasts three months at most."), code="length")
    if window.device is not None and window.device.site_id != site.pk:
        raise ValidationError(_("This device is not at this site."), code="device")
    with transaction.atomic():
        row = SiteWindow.objects.create(
            site=site,
            device=window.device,
            start_ms=window.start_ms,
            end_ms=window.end_ms,
            ticket=window.ticket,
            note=window.note,
            set_by=acting_user,
        )
        _record_window(row, acting_user, "opened")
    return row


def do_close_window(window: SiteWindow, *, acting_user: User) -> bool:
    """Close a window before its end; False where it had closed.

    Sessions that it carried are ended by `service_sessions.actions.do_close_window`.
    """
    with transaction.atomic():
        changed = SiteWindow.objects.filter(pk=window.pk, closed_ms=None, end_ms__gt=now_ms())
        if not changed.update(closed_ms=now_ms()):
            return False
        _record_window(window, acting_user, "closed")
    return True


def do_save_contact(contact: SiteContact, *, acting_user: User) -> None:
    """Save who is told of what happens at a site; raises ValidationError where a value is wrong."""
    contact.full_clean()
    with transaction.atomic():
        contact.save()
        _record_contact(contact.site_id, acting_user, f"mail {contact.email}")


def do_remove_contact(contact: SiteContact, *, acting_user: User) -> None:
    """Tell somebody no more."""
    with transaction.atomic():
        _record_contact(contact.site_id, acting_user, f"mail {contact.email} removed")
        contact.delete()


def do_add_hook(site: Organisation, url: str, *, acting_user: User) -> str:
    """Have events posted to `url`; return the secret that signs them, shown this once.

    Raises ValidationError for what is no https URL, or is there already.
    """
    try:
        check_url(url)
    except ValueError as error:
        raise ValidationError(_("Give an https address without a user."), code="url") from error
    if SiteHook.objects.filter(site=site, url=url).exists():
        raise ValidationError(_("Events are posted there already."), code="known")
    secret = new_secret()
    with transaction.atomic():
        SiteHook.objects.create(
            site=site, url=url, secret=seal_secret(secret), created_by=acting_user
        )
        _record_contact(site.pk, acting_user, f"webhook {urlsplit(url).hostname}")
    return secret


def do_remove_hook(hook: SiteHook, *, acting_user: User) -> None:
    """Post events to an address no more."""
    with transaction.atomic():
        change = f"webhook {urlsplit(hook.url).hostname} removed"
        _record_contact(hook.site_id, acting_user, change)
        hook.delete()


def do_break_glass(device: Device, *, reason: str, minutes: int, acting_user: User) -> BreakGlass:
    """Open a device for the site itself, for an hour at most (R42).

    Raises ValidationError without a reason, for more than an hour, or while glass is broken.
    """
    if not reason.strip():
        raise ValidationError(_("Say why, for whoever reviews it."), code="reason")
    if not 1 <= minutes * 60 <= BREAK_GLASS_S:
        raise ValidationError(_("One hour at most."), code="minutes")
    moment = now_ms()
    with transaction.atomic():
        running = BreakGlass.objects.select_for_update().filter(
            device=device, end_ms__gt=moment, ended_ms=None
        )
        if running.exists():
            raise ValidationError(_("The glass is broken already."), code="running")
        row = BreakGlass.objects.create(
            device=device,
            site_id=device.site_id,
            reason=reason.strip(),
            started_by=acting_user,
            start_ms=moment,
            end_ms=moment + minutes * 60_000,
        )
        actor = actor_of(acting_user)
        _record_glass(JournalAction.SITE_GLASS_BROKEN, row, actor, {"reason": row.reason})
    return row


def do_end_glass(glass: BreakGlass, *, acting_user: User) -> bool:
    """End broken glass before its time; False where it was over."""
    moment = now_ms()
    with transaction.atomic():
        running = BreakGlass.objects.filter(pk=glass.pk, ended_ms=None, end_ms__gt=moment)
        if not running.update(ended_ms=moment):
            return False
        _record_glass(JournalAction.SITE_GLASS_ENDED, glass, actor_of(acting_user), {})
    return True


def do_lapse_glass(*, now: int) -> list[BreakGlass]:
    """Note the end of broken glass whose time is over, once each; return it."""
    over = BreakGlass.objects.filter(ended_ms=None, end_ms__lte=now)
    with transaction.atomic():
        rows = list(over.select_for_update(of=("self",)).select_related("started_by"))
        for row in rows:
            row.ended_ms = row.end_ms
            row.save(update_fields=["ended_ms"])
            _record_glass(JournalAction.SITE_GLASS_ENDED, row, worker_actor(), {})
    return rows


def do_review_glass(glass: BreakGlass, *, finding: str, acting_user: User) -> bool:
    """Close the review of broken glass with what was found; False where somebody had.

    Raises ValidationError without a finding, while the glass is still broken, and for whoever broke
    it while somebody else of the site may close it.
    """
    moment = now_ms()
    if not finding.strip():
        raise ValidationError(_("Say what you found."), code="finding")
    if glass.ended_ms is None and glass.end_ms > moment:
        raise ValidationError(_("The glass is still broken: end it first."), code="running")
    if not may_review(glass, acting_user):
        raise ValidationError(
            _("You opened it: another person of your site closes its review."), code="own"
        )
    with transaction.atomic():
        open_ = BreakGlass.objects.filter(pk=glass.pk, reviewed_ms=None)
        text = short(finding.strip(), 1000)
        if not open_.update(review=text, reviewed_by=acting_user, reviewed_ms=moment):
            return False
        detail: dict[str, DetailValue] = {"finding": short(text, 500)}
        if acting_user.pk == glass.started_by_id:
            detail["sole_reviewer"] = True
        actor = actor_of(acting_user)
        _record_glass(JournalAction.SITE_GLASS_REVIEWED, glass, actor, detail)
    return True


def _record_contact(site_id: str, acting_user: User, change: str) -> None:
    record(
        JournalAction.SITE_CONTACT_CHANGED,
        actor=actor_of(acting_user),
        thing=Thing("site", site_id),
        detail={"change": short(change, 200)},
    )


def _record_window(row: SiteWindow, acting_user: User, change: str) -> None:
    record(
        JournalAction.SITE_WINDOW_CHANGED,
        actor=actor_of(acting_user),
        thing=Thing("site", row.site_id),
        device=row.device_id,
        detail={
            "change": change,
            "ticket": row.ticket,
            "start_ms": row.start_ms,
            "end_ms": row.end_ms,
        },
    )


def _record_glass(
    action: JournalAction, row: BreakGlass, actor: Actor, detail: Mapping[str, DetailValue]
) -> None:
    record(
        action,
        actor=actor,
        thing=Thing("break_glass", row.pk),
        device=row.device_id,
        detail={**detail, "site": row.site_id, "until_ms": row.end_ms},
    )
