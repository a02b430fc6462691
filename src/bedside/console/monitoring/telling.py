"""Tells of an alarm: every contact of the site, its programs, and the manufacturer's support."""

from collections.abc import Iterator

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bedside.console.accounts.models import Organisation
from bedside.console.accounts.queries import contacts_carried
from bedside.console.monitoring.models import Alarm
from bedside.console.notices.actions import Mail, do_tell
from bedside.console.relays.queries import is_retired
from bedside.console.sites.models import SiteContact
from bedside.console.sites.telling import Facts, tell_hooks
from bedside.vocabulary import AlarmScope

__all__ = ["tell_alarm"]


def tell_alarm(alarm: Alarm) -> None:
    """Tell that an alarm was raised, or that it is over; call it inside that change's transaction."""
    event = "alarm.cleared" if alarm.cleared_ms else "alarm.raised"
    for address, language in _readers(alarm):
        with translation.override(language):
            mail = _mail(alarm, address)
        key = f"{event} {alarm.pk} {address}"
        do_tell(mail, event=event, key=key, organisation=alarm.site)
    tell_hooks(alarm.site, lambda: _facts(alarm), event=event, about=alarm.pk)


def _readers(alarm: Alarm) -> Iterator[tuple[str, str]]:
    """Give each reader's address and language, once."""
    maker = Organisation.objects.filter(kind=Organisation.Kind.MANUFACTURER).first()
    site = Organisation.objects.filter(pk=alarm.site).first()
    told = dict(
        SiteContact.objects.filter(site_id=alarm.site or None).values_list("email", "language")
    )
    for contact in contacts_carried(site.country if site else maker.country if maker else ""):
        if contact.email:
            told.setdefault(contact.email, maker.language if maker else "en")
    yield from told.items()


def _mail(alarm: Alarm, address: str) -> Mail:
    subject = _subject(alarm)
    lines = [subject + ".", settings.CONFIG.public_url.rstrip("/") + reverse("alarms")]
    if not alarm.cleared_ms:
        lines.insert(1, _("It is told once, and again when it is over."))
    return Mail(to=address, subject=subject, body="\n\n".join(lines))


def _subject(alarm: Alarm) -> str:
    words = {"target": alarm.target, "devices": alarm.devices}
    if alarm.scope == AlarmScope.SITE:
        site = Organisation.objects.filter(pk=alarm.target).values_list("name", flat=True).first()
        words["target"] = site or alarm.target
        if alarm.cleared_ms:
            return _("%(target)s: most devices poll again") % words
        return (
            ngettext(
                "%(target)s: %(devices)s device does not poll any more",
                "%(target)s: %(devices)s devices do not poll any more",
                alarm.devices,
            )
            % words
        )
    if alarm.scope == AlarmScope.RELAY:
        if alarm.cleared_ms and is_retired(alarm.target):
            return _("Relay “%(target)s” is retired") % words
        if alarm.cleared_ms:
            return _("Relay “%(target)s” is heard again") % words
        return _("Nothing is heard of relay “%(target)s”") % words
    if alarm.cleared_ms:
        return _("%(target)s: no alarm any more") % words
    return _("%(target)s does not poll any more") % words


def _facts(alarm: Alarm) -> Facts:
    return {
        "id": alarm.pk,
        "scope": alarm.scope,
        "target": alarm.target,
        "devices": alarm.devices,
        "since_ms": alarm.since_ms,
        "raised_ms": alarm.raised_ms,
        "cleared_ms": alarm.cleared_ms,
    }
