"""Tells a site what happens on its devices: before, at and after, to each reader in their language.

What is told holds who, where, when and how; never the reason, the case or the ticket, which people
type, and never anything that lets somebody in.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext as _

from bedside.console.notices.actions import Mail, do_tell
from bedside.console.notices.models import MAX_KEY, Notice
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.sites.models import BreakGlass, SiteContact
from bedside.console.sites.telling import Facts, tell_hooks
from bedside.language import (
    access_name,
    country_name,
    ending_sentence,
    mode_name,
    parse_language,
)
from bedside.vocabulary import AccessKind, Ending, Mode

__all__ = ["tell_asked", "tell_ended", "tell_glass", "tell_glass_over", "tell_live", "tell_waiting"]


@dataclass(frozen=True, slots=True)
class _Event:
    """A kind of notice: its name on the wire, its subject, and which contacts want it."""

    name: str
    subject: str
    wanted: Callable[[SiteContact], bool]


@dataclass(frozen=True, slots=True)
class _GlassEvent:
    """A kind of notice about broken glass: its name on the wire, its subject, what comes next."""

    name: str
    subject: str
    sentence: str


_BROKEN = _GlassEvent(
    "glass.broken",
    gettext_noop("EMERGENCY ACCESS to %(device)s, opened by %(person)s"),
    gettext_noop("It ends by itself within the hour, and waits for its review."),
)
_OVER = _GlassEvent(
    "glass.ended",
    gettext_noop("Emergency access to %(device)s, opened by %(person)s, is over"),
    gettext_noop("It waits for its review."),
)
_ASKED = _Event(
    "session.asked",
    gettext_noop("%(person)s asks for access to %(device)s"),
    lambda contact: contact.before,
)
_WAITING = _Event(
    "session.awaiting_site",
    gettext_noop("Your site is asked to approve: %(person)s, %(device)s"),
    lambda contact: contact.before,
)
_JOINING = _Event(
    "session.joining",
    # The country first: it is what a site wants to know before all else (S37).
    gettext_noop("%(country)s: %(person)s asks to join the session on %(device)s"),
    lambda contact: contact.before or contact.during,
)
_CONTROL_ASKED = _Event(
    "session.control.asked",
    gettext_noop("%(country)s: %(person)s asks to be handed control of %(device)s"),
    lambda contact: contact.before or contact.during,
)
_CONTROL_PASSED = _Event(
    "session.control.passed",
    gettext_noop("%(country)s: %(person)s controls %(device)s now"),
    lambda contact: contact.during,
)
_CONTROL_OVER = _Event(
    "session.control.over",
    gettext_noop("%(person)s does not control %(device)s any more"),
    lambda contact: contact.after,
)
_LIVE = _Event(
    "session.live",
    gettext_noop("%(person)s is connected to %(device)s"),
    lambda contact: contact.during,
)
_ENDED = _Event(
    "session.ended",
    gettext_noop("The session of %(person)s on %(device)s has ended"),
    lambda contact: contact.after,
)
_CAME_TO_NOTHING = _Event(
    "session.ended",
    gettext_noop("The request of %(person)s for %(device)s has ended"),
    lambda contact: contact.after,
)
_ASKINGS = (_ASKED, _WAITING, _JOINING, _CONTROL_ASKED)


def tell_asked(session: ServiceSession) -> None:
    """Tell that somebody asks, and that the operator will be asked."""
    _tell(_asked(session), session)


def tell_waiting(session: ServiceSession) -> None:
    """Tell that the site's approvers are asked, and until when."""
    _tell(_WAITING, session)
    if session.joins_id:
        _tell(_asked(session), session)


def _asked(session: ServiceSession) -> _Event:
    if session.hands_over:
        return _CONTROL_ASKED
    return _JOINING if session.joins_id else _ASKED


def tell_live(session: ServiceSession) -> None:
    """Tell that somebody is in."""
    _tell(_CONTROL_PASSED if session.hands_over else _LIVE, session)


def tell_ended(session: ServiceSession) -> None:
    """Tell that it is over, and how.

    Where nobody was in, whoever was told of the asking is told as well, whatever they chose.
    """
    if session.live_ms is None:
        _tell(_CAME_TO_NOTHING, session, also=_told_of_asking(session))
    else:
        _tell(_CONTROL_OVER if session.hands_over else _ENDED, session)


def tell_glass(glass: BreakGlass) -> None:
    """Tell everybody of a site, whatever they chose, that the glass was broken (R42)."""
    _tell_glass(_BROKEN, glass)


def tell_glass_over(glass: BreakGlass) -> None:
    """Tell the same people that the emergency access is over, and waits for its review."""
    _tell_glass(_OVER, glass)


def _tell_glass(event: _GlassEvent, glass: BreakGlass) -> None:
    for contact in SiteContact.objects.filter(site_id=glass.site_id):
        with translation.override(contact.language):
            words = {"device": glass.device_id, "person": glass.started_by.name}
            subject = gettext(event.subject) % words
            address = _address(reverse("glass_review", args=[glass.pk]))
            lines = [subject + ".", gettext(event.sentence), address]
            mail = Mail(to=contact.email, subject=subject, body="\n\n".join(lines))
        key = f"{event.name} {glass.pk} {contact.email}"
        do_tell(mail, event=event.name, key=key, organisation=glass.site_id)
    tell_hooks(glass.site_id, lambda: _glass_facts(glass), event=event.name, about=glass.pk)


def _glass_facts(glass: BreakGlass) -> Facts:
    return {
        "id": glass.pk,
        "device": glass.device_id,
        "started_by": glass.started_by.name,
        "until_ms": glass.end_ms,
    }


def _told_of_asking(session: ServiceSession) -> frozenset[str]:
    """Return the addresses that were told that somebody asks."""
    contacts = SiteContact.objects.filter(site_id=session.device.site_id)
    keys = [
        _key(event, session, email)
        for email in contacts.values_list("email", flat=True)
        for event in _ASKINGS
    ]
    return frozenset(Notice.objects.filter(key__in=keys).values_list("address", flat=True))


def _key(event: _Event, session: ServiceSession, receiver: str) -> str:
    return f"{event.name} {session.pk} {receiver}"[:MAX_KEY]


def _tell(event: _Event, session: ServiceSession, also: frozenset[str] = frozenset()) -> None:
    site_id = session.device.site_id
    for contact in SiteContact.objects.filter(site_id=site_id):
        if event.wanted(contact) or contact.email in also:
            key = _key(event, session, contact.email)
            do_tell(_mail(event, session, contact), event=event.name, key=key, organisation=site_id)
    tell_hooks(site_id, lambda: _facts(session), event=event.name, about=session.pk)


def _mail(event: _Event, session: ServiceSession, contact: SiteContact) -> Mail:
    language = parse_language(contact.language)
    with translation.override(contact.language):
        words = {
            "country": country_name(session.person_country, language).upper(),
            "person": session.person_name,
            "device": session.device_id,
        }
        subject = gettext(event.subject) % words
        lines = [
            subject + ".",
            _("Person: %(person)s, %(employer)s, level %(level)s, %(country)s")
            % {
                "person": session.person_name,
                "employer": session.person_employer,
                "level": session.person_level or "–",
                "country": country_name(session.person_country, language),
            },
            _("Device: %(device)s, %(name)s")
            % {"device": session.device_id, "name": session.device.display_name},
            _("Access: %(access)s, %(mode)s")
            % {
                "access": access_name(AccessKind(session.access), language),
                "mode": mode_name(Mode(session.mode), language),
            },
        ]
        if (host := session.host) is not None:
            lines.append(_joined(session, host))
        if session.ending:
            lines.append(ending_sentence(Ending(session.ending), language))
        lines.append(_address(reverse("session", args=[session.pk])))
        lines.append(_("You are told because your site named you as a contact."))
    return Mail(to=contact.email, subject=subject, body="\n".join(lines))


def _joined(session: ServiceSession, host: ServiceSession) -> str:
    if session.hands_over:
        return _(
            "It is the session of %(person)s, who hands control over and can take it back. "
            "Refused, that session goes on as it was."
        ) % {"person": host.person_name}
    return _(
        "It joins the session of %(person)s, to watch it. Refused, that session goes on without it."
    ) % {"person": host.person_name}


def _facts(session: ServiceSession) -> Facts:
    return {
        "session": session.pk,
        "device": session.device_id,
        "person": session.person_name,
        "employer": session.person_employer,
        "level": session.person_level,
        "country": session.person_country,
        "access": session.access,
        "mode": session.mode,
        "state": session.state,
        "ending": session.ending or None,
        "break_glass": session.break_glass,
        "joins": session.joins_id,
    }


def _address(path: str) -> str:
    base: str = settings.CONFIG.public_url
    return base.rstrip("/") + path
