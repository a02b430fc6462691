"""Template tags: icons, states, times and form controls, each in one place."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import template
from django.forms import BoundField, CheckboxInput, Select
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from bedside.console.accounts.confirmation import confirmed_recently, way_to_confirm
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import is_single_sign_on_offered
from bedside.console.accounts.second_factor import (
    has_passkey,
    must_use_passkey,
    must_use_workstation,
)
from bedside.console.journal.actions import now_ms
from bedside.console.pages import words
from bedside.console.pages.notice_words import event_text, failure_text
from bedside.console.relays.queries import DeviceSeen
from bedside.console.service_sessions.models import ServiceSession
from bedside.language import Language, country_name, ending_sentence, state_sentence
from bedside.language.typography import quoted, zone_name
from bedside.policy.facts import DeviceState
from bedside.site.hours import hours_words
from bedside.vocabulary import AccessKind, Contact, Ending, Mode, SessionState

__all__ = ["register"]

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str) -> SafeString:
    """Return an icon of the sprite; it is ornament, the word stands beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("vendor/icons.svg"),
        name,
    )


@register.simple_tag
def single_sign_on_offered() -> bool:
    """Return whether some organisation's people sign in at a provider of their own."""
    return is_single_sign_on_offered()


@register.simple_tag(takes_context=True)
def to_confirm(context: template.Context) -> str:
    """Return where the reader confirms who they are, and nothing where they have just done so."""
    request = context["request"]
    if confirmed_recently(request, request.user):
        return ""
    return way_to_confirm(request.user, back=request.get_full_path())


@register.filter
def hours(text: str) -> str:
    """Return a support centre's hours in the reader's language."""
    return hours_words(text, words.language())


@register.simple_tag
def state(tone: str, shape: str, text: str) -> SafeString:
    """Return a state as a word with its shape and colour."""
    return format_html('<span class="state state-{} whole">{} {}</span>', tone, icon(shape), text)


@register.simple_tag
def session_state(state_value: str, ending: str = "", *, big: bool = False) -> SafeString:
    """Return a session's state; for one that has ended, how."""
    return _session_state(state_value, ending, " big" if big else "", words.language())


@lru_cache(maxsize=256)
def _session_state(state_value: str, ending: str, size: str, language: Language) -> SafeString:
    reached, over = SessionState(state_value), Ending(ending) if ending else None
    look = words.session_look(reached, over)
    text = ending_sentence(over, language) if over else state_sentence(reached, language)
    return format_html(
        '<span class="state state-{}{}">{} {}</span>', look.tone, size, icon(look.icon), text
    )


@register.simple_tag
def device_state(state_value: str, lock_reason: str = "") -> SafeString:
    """Return a device's state."""
    look, text = words.device_look(DeviceState(state_value), locked=bool(lock_reason))
    return state(look.tone, look.icon, text)


@register.simple_tag
def contact(seen: DeviceSeen | None, zone: str = "UTC") -> SafeString:
    """Return whether a device polls, and since when or until when that is known."""
    reached = seen.contact if seen else Contact.NEVER_SEEN
    look, text = words.contact_look(reached)
    shown = state(look.tone, look.icon, text)
    if seen is None:
        return shown
    if reached is Contact.ONLINE:
        # A relay tells what changes, not each poll: when it last polled is not known here.
        change = format_html(_("last change {}"), since(seen.at_ms, zone))
        return format_html('{} <span class="sub">{}</span>', shown, change)
    last_ms = seen.polled_ms
    if reached is Contact.RELAY_LOST:
        last_ms = max(last_ms, seen.relay_seen_ms)
    last = format_html(_("last seen {}"), since(last_ms, zone))
    return format_html('{} <span class="sub">{}</span>', shown, last)


@register.simple_tag
def moment(at_ms: int | None, zone: str = "UTC") -> SafeString | str:
    """Return an exact time in a site's zone, with the zone."""
    if at_ms is None:
        return ""
    return format_html('<time datetime="{}">{}</time>', _iso(at_ms), moment_text(at_ms, zone))


@register.simple_tag
def day(at_ms: int | None) -> SafeString | str:
    """Return a day of UTC: `2026-11-23`."""
    if not at_ms:
        return ""
    text = datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
    return format_html('<time datetime="{}" class="whole">{}</time>', text, text)


@register.simple_tag
def last_day(end_ms: int | None) -> SafeString | str:
    """Return the last day of UTC before a moment that is no longer included."""
    return "" if end_ms is None else day(end_ms - 1)


@register.simple_tag
def clock(at_ms: int, zone: str = "UTC") -> SafeString:
    """Return the time of day with the zone, where the page says the day elsewhere; `title` is exact."""
    exact = moment_text(at_ms, zone)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', _iso(at_ms), exact, exact.partition(" ")[2]
    )


@register.simple_tag
def since(at_ms: int | None, zone: str = "UTC") -> SafeString | str:
    """Return a time as how long ago it was; the page keeps it current, `title` is exact."""
    if at_ms is None:
        return ""
    exact = moment_text(at_ms, zone)
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>', _iso(at_ms), exact, exact
    )


@register.simple_tag
def countdown(until_ms: int, zone: str = "UTC") -> SafeString:
    """Return what is left until a moment, in minutes and seconds; the page counts it down."""
    left = max(0, until_ms - now_ms()) // 1000
    text = f"{left // 60}:{left % 60:02d}"
    return format_html(
        '<time datetime="{}" title="{}" data-countdown>{}</time>',
        _iso(until_ms),
        moment_text(until_ms, zone),
        text,
    )


@register.filter
def country(code: str) -> str:
    """Return a country's name."""
    return country_name(code, words.language())


@register.filter(name="quoted")
def quoted_filter(text: str) -> str:
    """Return somebody's own words between quotation marks."""
    return quoted(text, words.language())


@register.filter
def size(count: int) -> str:
    """Return a number of bytes in words."""
    return words.bytes_text(count)


@register.filter
def minutes(seconds: int) -> str:
    """Return a duration in minutes."""
    return words.minutes_text(seconds)


@register.simple_tag(name="field")
def field_tag(field: BoundField, size: str = "") -> SafeString | str:
    """Return a form's field: its label, control, help and what is wrong with it.

    A page has a hundred of them: a template for each would cost more than the page around them.

    Args:
        field: of a bound or an unbound form; a hidden one is its control alone.
        size: a class of the layout's grid.
    """
    if field.is_hidden:
        return str(field)
    wrong = field.form.errors.get(field.name, "")
    if isinstance(field.field.widget, CheckboxInput):
        label = format_html(
            '<label class="form-check">{}<span>{}</span></label>', control(field), field.label
        )
    else:
        label = format_html(
            '<label class="form-label" for="{}">{}</label>{}',
            field.id_for_label, field.label, control(field),
        )  # fmt: skip
    return format_html('<div class="field {}">{}{}{}</div>', size, label, _help(field), wrong)


def _help(field: BoundField) -> SafeString | str:
    if not field.help_text:
        return ""
    # A help text is the form's own, never somebody's: it may have markup.
    text = mark_safe(str(field.help_text))  # noqa: S308
    return format_html('<div class="field-help" id="{}_helptext">{}</div>', field.auto_id, text)


@register.filter
def control(field: BoundField) -> SafeString:
    """Return a form field's control with the classes of the layout."""
    widget = field.field.widget
    kind = "form-control"
    if isinstance(widget, CheckboxInput):
        kind = "form-check-input"
    elif isinstance(widget, Select):
        kind = "form-select"
    if type(field.form).__module__.startswith("allauth"):
        widget.attrs.pop("placeholder", None)  # it repeats the label in other words
    return field.as_widget(attrs={"class": kind})


register.filter("event_text", event_text)
register.filter("failure_text", failure_text)


@register.simple_tag
def lacking_factor(user: User) -> str:
    """Return what somebody's role signs in with and they do not have: `workstation`, `passkey` or ``."""
    if not must_use_passkey(user) or has_passkey(user):
        return ""
    return "workstation" if must_use_workstation(user) else "passkey"


@register.simple_tag(name="kind")
def kind_tag(row: ServiceSession) -> str:
    """Return what a session is for: `Operating system, control`."""
    access = _("Service application") if row.access == AccessKind.SERVICE else _("Operating system")
    mode = _("view") if row.mode == Mode.VIEW else _("control")
    return f"{access}, {mode}"


def moment_text(at_ms: int, zone: str) -> str:
    """Return `2026-11-23 09:14:05 EST`: the order of digits that both languages use in Canada."""
    try:
        tz = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        tz = ZoneInfo("UTC")
    at = datetime.fromtimestamp(at_ms / 1000, tz)
    return f"{at:%Y-%m-%d %H:%M:%S} {zone_name(at, words.language())}"


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
