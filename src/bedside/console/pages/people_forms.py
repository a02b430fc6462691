"""What people type about people, organisations, training and tokens."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bedside.console.accounts.actions import ContactDetails, PersonDetails
from bedside.console.accounts.forms import CountryField
from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.texts import check_domain, check_telephone, check_text
from bedside.console.devices.models import Product
from bedside.console.pages.forms import FilterForm, name_organisation
from bedside.console.pages.words import PERMISSIONS, PERSON_STATES, ROLES
from bedside.policy.facts import Interval
from bedside.vocabulary import Level, Permission, Role

__all__ = [
    "ContactForm",
    "InviteForm",
    "OrganisationForm",
    "PeopleFilters",
    "PersonForm",
    "ResetForm",
    "ReviewFilters",
    "SingleSignOnForm",
    "TokenForm",
    "TrainingFilters",
    "TrainingForm",
    "take_errors",
]

_ALL = ("", _("All"))
_ROLES = [(role.value, name) for role, name in ROLES.items()]


def _text(label: Any, limit: int, *, required: bool = True, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=limit,
        required=required,
        validators=[check_text],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        **more,
    )


def _day(label: Any, *, required: bool = False, **more: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=required,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        **more,
    )


class PeopleFilters(FilterForm):
    """Search first, then what narrows it."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=100,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Name or e-mail"), "autocomplete": "off"}
        ),
    )
    organisation = forms.ChoiceField(label=_("Organisation"), required=False)
    role = forms.ChoiceField(label=_("Role"), required=False, choices=[_ALL, *_ROLES])
    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[_ALL, *PERSON_STATES.items()]
    )

    def __init__(self, data: Any, *, organisations: QuerySet[Organisation]) -> None:
        super().__init__(data)
        name_organisation(self, "organisation", organisations)


class ReviewFilters(FilterForm):
    """Everybody, or those whose review is due."""

    due = forms.BooleanField(label=_("Only those due for review"), required=False)


class TrainingFilters(FilterForm):
    """Which product, and whose training ends soon."""

    product = forms.ChoiceField(label=_("Product"), required=False)
    until = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[
            _ALL,
            ("soon", _("Ends within 60 days")),
            ("ended", pgettext_lazy("right", "Ended")),
        ],
    )

    def __init__(self, data: Any, *, products: Iterable[Product]) -> None:
        super().__init__(data)
        known = [(product.pk, str(product)) for product in products]
        self.fields["product"].choices = [_ALL, *known]  # type: ignore[attr-defined]


class PersonForm(forms.Form):
    """What an administrator states about a person."""

    name = _text(_("Name"), 120)
    organisation = forms.ChoiceField(label=_("Organisation"))
    employer = _text(
        _("Employer"),
        120,
        required=False,
        help_text=_("Only where it is not the organisation itself; the operator reads it."),
    )
    role = forms.ChoiceField(
        label=_("Role"), required=False, choices=[("", _("None: may do nothing")), *_ROLES]
    )
    level = forms.TypedChoiceField(
        label=_("Support level"),
        required=False,
        choices=[("", "–"), *((str(level.value), str(level.value)) for level in Level)],
        coerce=lambda value: Level(int(value)),
        empty_value=None,
    )
    country = CountryField(
        label=_("Works in"), required=False, help_text=_("Two letters, such as CA or US.")
    )
    vetted_on = _day(
        _("Background check on"),
        help_text=_("You attest it with your name. Without it the account cannot be activated."),
    )
    patient_data = forms.BooleanField(
        label=_("May see patient data, where a product can show it"), required=False
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    def __init__(self, *given: Any, organisations: QuerySet[Organisation], **more: Any) -> None:
        super().__init__(*given, **more)
        known = list(organisations.values_list("pk", "name"))
        self.fields["organisation"].choices = known  # type: ignore[attr-defined]

    @staticmethod
    def stated(person: User) -> dict[str, Any]:
        """Return what the form begins with for a person who has an account."""
        names = ("name", "employer", "role", "level", "country", "vetted_on", "patient_data")
        values = {name: getattr(person, name) for name in names}
        return {**values, "organisation": person.organisation_id, "language": person.language}

    @property
    def details(self) -> PersonDetails:
        """Return what was stated; the form is valid."""
        values = {name: self.cleaned_data[name] for name in PersonForm.base_fields}
        values["role"] = Role(values["role"]) if values["role"] else None
        return PersonDetails(**values)


class InviteForm(PersonForm):
    """Who is invited, and what is stated about them."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    field_order = ("email",)

    def clean_email(self) -> str:
        """Return the address in small letters, if nobody has it."""
        email = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(email=email).exists():
            raise ValidationError(_("Somebody has this address already."), code="taken")
        return email


class ResetForm(forms.Form):
    """Why somebody's second factors are taken away."""

    reason = _text(
        _("Reason"), 200, help_text=_("The person reads it in the letter, and it is journalled.")
    )


class TrainingForm(forms.Form):
    """For which product a person is trained, and until when."""

    product = forms.ModelChoiceField(label=_("Product"), queryset=Product.objects.none())
    first = _day(_("From"), required=True)
    last = _day(_("Until, this day included"), help_text=_("Empty: it does not end by itself."))

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        products = Product.objects.defer("profile").order_by("pk")
        self.fields["product"].queryset = products  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse an end before the start."""
        values = super().clean() or {}
        first, last = values.get("first"), values.get("last")
        if first and last and last < first:
            self.add_error("last", ValidationError(_("The end must be after the start.")))
        return values

    @property
    def interval(self) -> Interval:
        """Return the days as an interval in UTC; the form is valid."""
        last: date | None = self.cleaned_data["last"]
        end = None if last is None else _start_ms(last + timedelta(days=1))
        return Interval(_start_ms(self.cleaned_data["first"]), end)


def _start_ms(day: date) -> int:
    return round(datetime.combine(day, time.min, UTC).timestamp() * 1000)


class OrganisationForm(forms.ModelForm[Organisation]):
    """What is stated about an organisation."""

    key = forms.SlugField(
        label=_("Short name"),
        max_length=64,
        help_text=_("Permanent; small letters, digits and hyphens."),
    )
    name = _text(_("Name"), 120)
    country = CountryField(label=_("Country"))
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    timezone = forms.ChoiceField(
        label=_("Time zone"), choices=[(zone, zone) for zone in sorted(available_timezones())]
    )
    passkey_roles = forms.MultipleChoiceField(
        label=_("Roles that sign in with a passkey only"),
        required=False,
        choices=_ROLES,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Beside those that the installation asks it of."),
    )

    workstation_roles = forms.MultipleChoiceField(
        label=_("Roles that sign in from an enrolled workstation only"),
        required=False,
        choices=_ROLES,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("A passkey that cannot leave its computer, enrolled on the person's page."),
    )

    class Meta:
        """Which fields of the model the form states."""

        model = Organisation
        fields = (
            "key",
            "name",
            "kind",
            "country",
            "language",
            "timezone",
            "passkey_roles",
            "workstation_roles",
        )

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.fields["kind"].label = _("Kind")
        if not self.instance._state.adding:
            del self.fields["key"], self.fields["kind"]


class ContactForm(forms.Form):
    """A support contact; a row without a country is none."""

    country = CountryField(label=_("Country"), required=False)
    name = _text(_("Support centre"), 120, required=False)
    telephone = forms.CharField(
        label=_("Telephone"),
        max_length=40,
        required=False,
        validators=[check_telephone],
        widget=forms.TextInput(attrs={"autocomplete": "off", "type": "tel"}),
    )
    email = forms.EmailField(label=_("E-mail address"), max_length=254, required=False)
    hours = _text(
        _("Hours"),
        120,
        required=False,
        help_text=_("For example mon-fri 08:00-20:00; each reader sees it in their language."),
    )

    def clean(self) -> dict[str, Any]:
        """Ask for what a contact needs, once any of it is given."""
        values = super().clean() or {}
        if any(values.values()):
            for name in ("country", "name", "telephone"):
                if not values.get(name) and name not in self.errors:
                    self.add_error(name, ValidationError(_("This is missing."), code="required"))
        return values

    @property
    def details(self) -> ContactDetails | None:
        """Return the contact, None for an empty row; the form is valid."""
        return ContactDetails(**self.cleaned_data) if self.cleaned_data.get("country") else None


class TokenForm(forms.Form):
    """A token for a program: what it is for, what it may do, for how long."""

    name = _text(_("What it is for"), 64)
    days = forms.IntegerField(label=_("Days until it ends"), min_value=1)
    scope = forms.MultipleChoiceField(
        label=_("What it may do"), widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *given: Any, allowed: Iterable[Permission], longest: int) -> None:
        super().__init__(*given)
        named = [(each.value, PERMISSIONS[each]) for each in sorted(allowed)]
        self.fields["scope"].choices = named  # type: ignore[attr-defined]
        days = self.fields["days"]
        days.initial = min(30, longest)
        days.max_value = longest  # type: ignore[attr-defined]
        days.widget.attrs["max"] = longest

    @property
    def permissions(self) -> list[Permission]:
        """Return the scope; the form is valid."""
        return [Permission(value) for value in self.cleaned_data["scope"]]


def take_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Show what an action refused beside the fields it is about."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, found in error.error_dict.items():
        form.add_error(name if name in form.fields else None, found)


class SingleSignOnForm(forms.Form):
    """An organisation's own provider of sign-ins."""

    domains = forms.CharField(
        label=_("Domains of the e-mail addresses"),
        max_length=1000,
        help_text=_("Separated by spaces, such as hospital.example."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    server_url = forms.URLField(
        label=_("Address of the provider"),
        max_length=300,
        assume_scheme="https",
        help_text=_("It publishes .well-known/openid-configuration below it."),
    )
    client_id = _text(_("Client identifier"), 200)
    client_secret = forms.CharField(
        label=_("Client secret"),
        max_length=500,
        required=False,
        help_text=_("Empty: the one that is kept stays."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    trusts_second_factor = forms.BooleanField(
        label=_("The provider's second factor stands for ours, where it says that one was used"),
        required=False,
        help_text=_("Never where the role asks for a passkey."),
    )

    def clean_domains(self) -> list[str]:
        """Return the domains in small letters."""
        domains = str(self.cleaned_data["domains"]).lower().split()
        for domain in domains:
            check_domain(domain)
        return domains
