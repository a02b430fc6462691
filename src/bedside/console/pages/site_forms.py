"""What a hospital's people type into their portal."""

from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from bedside.console.accounts.models import Organisation
from bedside.console.devices.models import Device
from bedside.console.sites.actions import Window
from bedside.console.sites.models import SiteArrangement, SiteContact
from bedside.console.sites.policies import NewKey
from bedside.protocol.codec import Fields, parse_json
from bedside.protocol.document import MAX_DOCUMENT
from bedside.protocol.errors import ProtocolError
from bedside.protocol.fields import check_text
from bedside.protocol.site import Approval

__all__ = [
    "ApprovalForm",
    "ArrangementForm",
    "ContactForm",
    "GlassForm",
    "HookForm",
    "KeyForm",
    "PolicyForm",
    "RefusalForm",
    "ReviewForm",
    "WindowForm",
]

_MAX_ASSERTION = 16 * 1024
_MAX_ENVELOPE = MAX_DOCUMENT * 2


def check_plain(text: str) -> None:
    """Refuse control characters and marks that turn the direction of text."""
    try:
        check_text(text, "text", max=5000, min=0)
    except ProtocolError as error:
        raise ValidationError(
            _("This text holds characters that cannot be shown."), code=error.code
        ) from error


def _line(label: Any, limit: int, **more: Any) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off"})
    return forms.CharField(
        label=label, max_length=limit, widget=widget, validators=[check_plain], **more
    )


def _read_file(file: Any) -> bytes:
    if file.size > _MAX_ENVELOPE:
        raise ValidationError(_("The file is too large for this."), code="size")
    data: bytes = file.read()
    return data.strip()


class ApprovalForm(forms.Form):
    """A passkey's assertion, as the page's script wrote it."""

    assertion = forms.CharField(max_length=_MAX_ASSERTION, widget=forms.HiddenInput())

    def clean_assertion(self) -> Approval:
        """Return the approval; what is no assertion is refused whole."""
        try:
            told = parse_json(self.cleaned_data["assertion"].encode(), limit=_MAX_ASSERTION)
            return Approval.from_fields(Fields(told))
        except ProtocolError as error:
            raise ValidationError(
                _("The passkey did not sign this request. Nothing was approved."), code=error.code
            ) from error


class RefusalForm(forms.Form):
    """Why a request is refused."""

    reason = _line(_("Reason"), 200, help_text=_("The specialist reads it. No patient data."))


class ArrangementForm(forms.Form):
    """When the site lets its devices be served."""

    kind = forms.TypedChoiceField(
        label=_("Access"), choices=SiteArrangement.Kind.choices, coerce=SiteArrangement.Kind
    )


class WindowForm(forms.Form):
    """A service window on the site's own clock."""

    start = forms.DateTimeField(
        label=_("From"),
        input_formats=["%Y-%m-%dT%H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    end = forms.DateTimeField(
        label=_("To"),
        input_formats=["%Y-%m-%dT%H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    device = forms.ModelChoiceField(
        label=_("Device"),
        queryset=Device.objects.none(),
        required=False,
        empty_label=_("Every device of the site"),
    )
    ticket = _line(_("Change ticket"), 64, required=False)
    note = _line(_("Note"), 200, required=False)

    def __init__(self, data: Any, *, site: Organisation) -> None:
        super().__init__(data)
        self._zone = ZoneInfo(site.timezone)
        devices = site.devices.defer("product__profile").order_by("id")
        self.fields["device"].queryset = devices  # type: ignore[attr-defined]

    @property
    def window(self) -> Window:
        """The window; the form is valid."""
        asked = self.cleaned_data
        return Window(
            start_ms=self._ms(asked["start"]),
            end_ms=self._ms(asked["end"]),
            device=asked["device"],
            ticket=asked["ticket"],
            note=asked["note"],
        )

    def _ms(self, at: datetime) -> int:
        # What was typed is a reading of the site's clock, whatever zone Django runs in.
        return int(at.replace(tzinfo=self._zone).timestamp()) * 1000


class KeyForm(forms.Form):
    """The site's public key; where another one is registered, why it may follow that one."""

    public_key = forms.CharField(
        label=_("Public key of the site (PEM)"),
        max_length=1024,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
    )
    statement = forms.FileField(
        label=_("Statement of the present key"),
        max_length=200,
        required=False,
        help_text=_("The file of bedside site key hand-over, signed with the present key."),
    )
    lost = forms.BooleanField(
        label=_("The present key is lost or stolen"),
        required=False,
        help_text=_(
            "Each device must then be told to replace its key, by somebody who stands there."
        ),
    )

    def __init__(self, data: Any, files: Any, *, follows: bool) -> None:
        super().__init__(data, files)
        if not follows:
            del self.fields["statement"], self.fields["lost"]

    def clean_statement(self) -> bytes | None:
        """Return the envelope's bytes, None where no file was given."""
        file = self.cleaned_data["statement"]
        return _read_file(file) if file else None

    @property
    def key(self) -> NewKey:
        """The key; the form is valid."""
        given = self.cleaned_data
        return NewKey(
            public_key=given["public_key"],
            statement=given.get("statement"),
            lost=given.get("lost", False),
        )


class PolicyForm(forms.Form):
    """A signed policy, pasted or as a file."""

    policy = forms.FileField(label=_("Signed policy"), max_length=200)

    def clean_policy(self) -> bytes:
        """Return the envelope's bytes."""
        return _read_file(self.cleaned_data["policy"])


class ContactForm(forms.ModelForm[SiteContact]):
    """Somebody who is told, and when."""

    class Meta:
        """The fields that a person fills in."""

        model = SiteContact
        fields = ("name", "email", "language", "before", "during", "after")
        labels: ClassVar = {
            "name": _("Name"),
            "email": _("Email"),
            "before": _("When somebody asks"),
            "during": _("When somebody is connected"),
            "after": _("When it has ended"),
        }

    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    def clean_name(self) -> str:
        """Return the name, without characters that cannot be shown."""
        name: str = self.cleaned_data["name"]
        check_plain(name)
        return name


class HookForm(forms.Form):
    """Where events are posted."""

    url = forms.CharField(
        label=_("Address (https)"),
        max_length=500,
        validators=[check_plain],
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "placeholder": "https://siem.hospital.example/bedside"}
        ),
    )


class GlassForm(forms.Form):
    """Why a site breaks the glass, and for how long."""

    reason = _line(_("Why"), 500, help_text=_("Whoever reviews it reads this. No patient data."))
    minutes = forms.TypedChoiceField(
        label=_("For"), choices=[(15, "15 min"), (30, "30 min"), (60, "60 min")], coerce=int
    )


class ReviewForm(forms.Form):
    """What the review of broken glass found."""

    finding = forms.CharField(
        label=_("What you found"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("What was done, whether it was justified, what changes because of it."),
    )

    def clean_finding(self) -> str:
        """Return the finding as one paragraph without control characters."""
        text = " ".join(self.cleaned_data["finding"].split())
        check_plain(text)
        return text
