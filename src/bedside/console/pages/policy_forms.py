"""What people type to try the policy, and to state what contracts cover."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from bedside.console.access.simulation import Supposed
from bedside.console.accounts.forms import CountryField
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import visible_people
from bedside.console.devices.models import Device
from bedside.console.devices.queries import visible_devices
from bedside.console.pages.site_forms import check_plain
from bedside.console.pages.words import ACCESS_HELP, MODE_HELP, SITE_ACTIONS
from bedside.policy.facts import FILES, Interval, RequestFacts
from bedside.vocabulary import AccessKind, Level, Mode, Role, SiteAction

__all__ = ["EntitlementForm", "SimulationForm"]


class SimulationForm(forms.Form):
    """Who asks for what, and when; the form is the page's address, so that it can be sent."""

    use_required_attribute = False

    device = forms.CharField(label=_("Device"), max_length=30)
    person = forms.EmailField(
        label=_("Person"),
        required=False,
        help_text=_("The address of somebody; empty: suppose somebody of this level and country."),
    )
    level = forms.TypedChoiceField(
        label=_("Level"),
        required=False,
        choices=[(str(level.value), str(level.value)) for level in Level],
        coerce=lambda value: Level(int(value)),
        empty_value=None,
        initial="3",
    )
    country = CountryField(label=_("Country"), required=False)
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
    minutes = forms.IntegerField(label=_("Minutes"), min_value=1, max_value=1440)
    also = forms.TypedMultipleChoiceField(
        label=_("Also"),
        required=False,
        choices=[(action.value, SITE_ACTIONS[action]) for action in FILES],
        coerce=SiteAction,
        widget=forms.CheckboxSelectMultiple(),
    )
    ticket = forms.CharField(label=_("Change ticket"), required=False, max_length=64)
    joins = forms.BooleanField(label=_("Joins a session of somebody else"), required=False)
    trained = forms.BooleanField(label=_("Trained for the product"), required=False)
    patient_data = forms.BooleanField(label=_("May see patient data"), required=False)
    at = forms.DateTimeField(
        label=_("When, on the site's clock"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, data: Any, *, user: User, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        self._user = user

    def clean_device(self) -> Device:
        """Return the device, if the reader may see it."""
        found = visible_devices(self._user).filter(pk=self.cleaned_data["device"].strip()).first()
        if found is None:
            raise ValidationError(_("There is no such device for you."), code="device")
        return found

    def clean_person(self) -> User | None:
        """Return the person, if the reader may see them; None to suppose somebody."""
        email = self.cleaned_data["person"]
        if not email:
            return None
        found = visible_people(self._user).filter(email__iexact=email).first()
        if found is None:
            raise ValidationError(_("There is no such person for you."), code="person")
        return found

    def clean(self) -> dict[str, Any]:
        """Refuse a country beside a person: theirs is what counts."""
        told: dict[str, Any] = super().clean() or {}
        if told.get("person") and told.get("country"):
            self.add_error("country", _("Name a person, or suppose one: not both."))
        if told.get("joins") and told.get("mode") is Mode.VIEW and told.get("also"):
            self.add_error("also", _("Whoever joins to watch is given no files: ask without them."))
        return told

    @property
    def asked_files(self) -> frozenset[SiteAction] | None:
        """The files that are ticked, None where none is; the form is valid."""
        return frozenset(self.cleaned_data["also"]) or None

    @property
    def who(self) -> User | Supposed:
        """Who asks; the form is valid."""
        told = self.cleaned_data
        if told["person"] is not None:
            person: User = told["person"]
            return person
        return Supposed(
            level=told["level"],
            country=told["country"] or None,
            role=Role.SPECIALIST,
            trained=told["trained"],
            patient_data=told["patient_data"],
        )

    @property
    def request(self) -> RequestFacts:
        """What is asked for; case and reason are supposed to be given."""
        told = self.cleaned_data
        return RequestFacts(
            access=told["access"],
            mode=told["mode"],
            duration_s=told["minutes"] * 60,
            case="C-0",
            reason="?",
            ticket=told["ticket"],
            joins=told["joins"],
        )

    def at_ms(self, now: int) -> int:
        """Return the instant on the device's site's clock, or `now` where none is given."""
        told = self.cleaned_data
        if told["at"] is None:
            return now
        at: datetime = told["at"]
        zone = ZoneInfo(told["device"].site.timezone)
        return int(at.replace(tzinfo=zone).timestamp()) * 1000


class EntitlementForm(forms.Form):
    """From when to when a contract covers a site, or one device."""

    site = forms.ModelChoiceField(label=_("Site"), queryset=Organisation.objects.none())
    device = forms.CharField(
        label=_("Device"),
        required=False,
        max_length=30,
        validators=[check_plain],
        help_text=_("Empty: every device of the site."),
    )
    start = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}))
    end = forms.DateField(
        label=_("To, included"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Empty: until it is changed."),
    )

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data)
        self._user = user
        sites = Organisation.objects.filter(kind=Organisation.Kind.SITE).only("key", "name")
        self.fields["site"].queryset = sites  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Find the device at its site."""
        told: dict[str, Any] = super().clean() or {}
        name, site = told.get("device", ""), told.get("site")
        if name and site:
            found = visible_devices(self._user).filter(pk=name.strip(), site=site).first()
            if found is None:
                self.add_error("device", _("There is no such device at this site."))
            told["covered"] = found
        else:
            told["covered"] = site
        return told

    @property
    def interval(self) -> Interval:
        """The days, whole, on the site's clock; the form is valid."""
        told = self.cleaned_data
        zone = ZoneInfo(told["site"].timezone)
        end: date | None = told["end"]
        return Interval(
            _ms(told["start"], zone), _ms(end + timedelta(days=1), zone) if end else None
        )


def _ms(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time.min, zone).timestamp()) * 1000
