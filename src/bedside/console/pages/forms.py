"""What people type into pages; a filter that means nothing is passed over, never an error."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from bedside.console.accounts.models import Organisation, User
from bedside.console.pages.words import (
    ACCESS_HELP,
    DEVICE_STATES,
    GATE_NAMES,
    MODE_HELP,
    OUTCOMES,
    SITE_ACTIONS,
    language,
)
from bedside.console.sites.queries import visible_sites
from bedside.language import action_sentence, contact_name, gate_sentence
from bedside.policy.facts import FILES, RequestFacts
from bedside.vocabulary import AccessKind, Contact, Gate, JournalAction, Mode, SiteAction

__all__ = ["FleetFilters", "JournalFilters", "LockForm", "RequestForm", "SessionFilters"]

DURATIONS = (15, 30, 60, 120, 240)
_ALL = ("", _("All"))
_MOST_CHOICES = 40


class FilterForm(forms.Form):
    """Filters are the address of the page: what cannot be used is as if it were not there."""

    use_required_attribute = False

    def add_error(self, field: str | None, error: Any) -> None:
        """Note what cannot be used, by the name of its field: it may stand far from it."""
        if field is not None and field in self.fields:
            error = _("%(field)s: this filter cannot be used, and is passed over.") % {
                "field": self.fields[field].label
            }
        super().add_error(field, error)

    @property
    def values(self) -> dict[str, Any]:
        """Return what can be used of what was given, by name."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}


def name_organisation(form: forms.Form, name: str, known: QuerySet[Organisation]) -> None:
    """Let a filter choose among few organisations, name one of many, and vanish where there is one.

    An address that names one shows the filter all the same, so that it can say it means nothing.

    A list of a thousand choices is no choice, and costs more than the page around it.
    """
    few = list(known.values_list("pk", "name")[: _MOST_CHOICES + 1])
    field = form.fields[name]
    if len(few) < 2 and not form.data.get(name):
        del form.fields[name]
    elif len(few) > _MOST_CHOICES:
        form.fields[name] = forms.CharField(
            label=field.label,
            required=False,
            max_length=120,
            widget=forms.TextInput(attrs={"placeholder": _("Name"), "autocomplete": "off"}),
        )
    else:
        field.choices = [_ALL, *few]  # type: ignore[attr-defined]


class FleetFilters(FilterForm):
    """Search first, then what narrows it."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=100,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Name, room, site"), "autocomplete": "off"}
        ),
    )
    site = forms.ChoiceField(label=_("Site"), required=False)
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[_ALL, *((state.value, name) for state, name in DEVICE_STATES.items())],
    )
    contact = forms.ChoiceField(label=_("Contact"), required=False)

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data)
        name_organisation(self, "site", visible_sites(user))
        contacts = self.fields["contact"]
        assert isinstance(contacts, forms.ChoiceField)
        words = [(each.value, contact_name(each, language())) for each in Contact]
        contacts.choices = [_ALL, *words]


class SessionFilters(FilterForm):
    """Whose sessions, and which."""

    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[_ALL, ("open", _("Open")), ("ended", _("Ended"))],
    )
    device = forms.CharField(label=_("Device"), required=False, max_length=30)
    mine = forms.BooleanField(label=_("Mine only"), required=False)


class RequestForm(forms.Form):
    """What a specialist asks for; it decides nothing and sends nothing."""

    access = forms.TypedChoiceField(
        label=_("Access"),
        choices=[(kind.value, ACCESS_HELP[kind][0]) for kind in AccessKind],
        coerce=AccessKind,
    )
    mode = forms.TypedChoiceField(
        label=_("Mode"),
        choices=[(mode.value, MODE_HELP[mode][0]) for mode in Mode],
        coerce=Mode,
    )
    minutes = forms.TypedChoiceField(
        label=_("At most"),
        choices=[(str(minutes), _("%(minutes)s min")) for minutes in DURATIONS],
        coerce=int,
    )
    case = forms.CharField(
        label=_("Case"),
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"placeholder": "C-88213", "autocomplete": "off"}),
    )
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=500,
        help_text=_(
            "One sentence that the operator at the device can understand. No patient data."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    ticket = forms.CharField(
        label=_("Change ticket"),
        required=False,
        max_length=64,
        help_text=_("If the site gave you one."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    also = forms.TypedMultipleChoiceField(
        label=_("Files"),
        required=False,
        choices=[(action.value, SITE_ACTIONS[action]) for action in FILES],
        coerce=SiteAction,
    )

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        field = self.fields["minutes"]
        field.choices = [  # type: ignore[attr-defined]
            (value, name % {"minutes": value})
            for value, name in field.choices  # type: ignore[attr-defined]
        ]

    @property
    def facts(self) -> RequestFacts:
        """What the policy looks at; the form is valid."""
        asked = self.cleaned_data
        return RequestFacts(
            access=asked["access"],
            mode=asked["mode"],
            duration_s=asked["minutes"] * 60,
            case=asked["case"],
            reason=asked["reason"],
            ticket=asked["ticket"],
        )

    @property
    def asked_files(self) -> frozenset[SiteAction] | None:
        """The files that are ticked, None where none is; the form is valid."""
        return frozenset(self.cleaned_data["also"]) or None


class LockForm(forms.Form):
    """Why a device is locked."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        help_text=_("Shown on the device and to everybody who is refused because of it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class EndForm(forms.Form):
    """Why a session is ended."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=200,
        help_text=_("Optional. Whoever was in reads it, and it stands in the journal."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class JournalFilters(FilterForm):
    """What of the journal is shown."""

    device = forms.CharField(label=_("Device"), required=False, max_length=30)
    person = forms.CharField(
        label=_("Person"),
        required=False,
        max_length=254,
        widget=forms.TextInput(attrs={"placeholder": _("E-mail address or identifier")}),
    )
    session = forms.CharField(label=_("Session"), required=False, max_length=26)
    action = forms.ChoiceField(label=_("Act"), required=False)
    gate = forms.ChoiceField(label=_("Gate"), required=False)
    outcome = forms.ChoiceField(
        label=_("Outcome"),
        required=False,
        choices=[_ALL, *((outcome.value, name) for outcome, name in OUTCOMES.items())],
    )
    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        tongue = language()
        acts = sorted((action_sentence(act, tongue), act.value) for act in JournalAction)
        self.fields["action"].choices = [_ALL, *((value, name) for name, value in acts)]  # type: ignore[attr-defined]
        gates = sorted(
            (str(GATE_NAMES.get(gate) or gate_sentence(gate, tongue)), gate) for gate in Gate
        )
        self.fields["gate"].choices = [_ALL, *((value.value, name) for name, value in gates)]  # type: ignore[attr-defined]

    def between(self, zone: str) -> tuple[int | None, int | None]:
        """Return the days as Unix ms in `zone`: from the first's start to the last's end."""
        values, tz = self.values, ZoneInfo(zone)
        first, last = values.get("since"), values.get("until")
        start = datetime.combine(first, time.min, tz) if first else None
        end = datetime.combine(last + timedelta(days=1), time.min, tz) if last else None
        return tuple(round(at.timestamp() * 1000) if at else None for at in (start, end))  # type: ignore[return-value]
