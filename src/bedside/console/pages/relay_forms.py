"""What people type about relays: who prefers which, and why one is retired."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from bedside.console.accounts.texts import check_text
from bedside.console.devices.actions import check_pin
from bedside.console.devices.models import RelayPin
from bedside.console.monitoring.retirement import Retirement
from bedside.console.relays.queries import relays_heard

__all__ = ["PIN_SCOPES", "PinForm", "RetireForm"]

PIN_SCOPES = {
    RelayPin.Scope.DEVICE: _("One device"),
    RelayPin.Scope.SITE: _("A site"),
    RelayPin.Scope.COUNTRY: _("A country"),
}
_CHOICES = ("first", "second", "third")


class PinForm(forms.Form):
    """A device, a site or a country, and the relays that it goes to first."""

    scope = forms.TypedChoiceField(
        label=_("What is pinned"),
        coerce=RelayPin.Scope,
        choices=[(each.value, name) for each, name in PIN_SCOPES.items()],
    )
    subject = forms.CharField(
        label=_("Which one"),
        max_length=64,
        validators=[check_text],
        help_text=_("A device's name, the short name of a site, or the two letters of a country."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    first = forms.ChoiceField(label=_("First relay"))
    second = forms.ChoiceField(label=_("Second relay"), required=False)
    third = forms.ChoiceField(label=_("Third relay"), required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        names = [(relay.name, relay.name) for relay in relays_heard()]
        for place in _CHOICES:
            none = [] if place == "first" else [("", _("None"))]
            self.fields[place].choices = [*none, *names]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Find what is meant, and refuse what cannot be pinned."""
        told: dict[str, Any] = super().clean() or {}
        if not {"scope", "subject", *_CHOICES} <= told.keys():
            return told
        subject = told["subject"].strip()
        is_country = told["scope"] is RelayPin.Scope.COUNTRY
        told["subject"] = subject.upper() if is_country else subject
        try:
            check_pin(told["scope"], told["subject"], self.relays)
        except ValidationError as error:
            for field, faults in error.error_dict.items():
                self.add_error("first" if field == "relays" else field, faults)
        return told

    @property
    def relays(self) -> tuple[str, ...]:
        """The relays that were chosen, the most preferred first."""
        return tuple(filter(None, (self.cleaned_data[place] for place in _CHOICES)))

    @property
    def pin(self) -> RelayPin:
        """The pin, not saved; the form is valid."""
        told = self.cleaned_data
        scope = told["scope"].value
        return RelayPin(scope=scope, subject=told["subject"], relays=list(self.relays))


class RetireForm(forms.Form):
    """Why a relay is retired, its name once more, and a word where devices poll it."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        validators=[check_text],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    confirm = forms.CharField(max_length=32, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    despite_devices = forms.BooleanField()

    def __init__(self, data: Any, *, name: str, does: Retirement) -> None:
        super().__init__(data)
        self._name = name
        self.fields["confirm"].label = _("Type “%(name)s” to confirm") % {"name": name}
        if not does.devices:
            del self.fields["despite_devices"]
            return
        self.fields["despite_devices"].label = ngettext(
            "Retire it although a device polls it: it finds another relay by itself",
            "Retire it although devices poll it: they find another relay by themselves",
            does.devices,
        )

    def clean_confirm(self) -> str:
        """Refuse another name than the relay's."""
        typed: str = self.cleaned_data["confirm"].strip()
        if typed != self._name:
            raise ValidationError(_("This is not the name of the relay."), code="confirm")
        return typed
