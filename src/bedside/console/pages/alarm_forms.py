"""What people type about alarms: from when on silence is one, and who is muted."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.utils.translation import gettext_lazy as _

from bedside.console.accounts.models import User
from bedside.console.accounts.texts import check_text
from bedside.console.journal.actions import now_ms
from bedside.console.monitoring.queries import check_may_watch
from bedside.vocabulary import AlarmScope

__all__ = ["SCOPES", "MuteForm", "RuleForm"]

SCOPES = {
    AlarmScope.DEVICE: _("One device"),
    AlarmScope.SITE: _("A site"),
    AlarmScope.PRODUCT: _("A product"),
    AlarmScope.EVERYTHING: _("Everything"),
    AlarmScope.RELAY: _("A relay"),
}
_RULED = (AlarmScope.DEVICE, AlarmScope.SITE, AlarmScope.PRODUCT, AlarmScope.EVERYTHING)
_MUTED = (AlarmScope.DEVICE, AlarmScope.SITE)
_HOUR_MS = 3_600_000


class _TargetForm(forms.Form):
    """Names one thing that the person may say something about."""

    scope = forms.TypedChoiceField(label=_("What it is for"), coerce=AlarmScope)
    target = forms.CharField(
        label=_("Which one"),
        required=False,
        max_length=64,
        validators=[check_text],
        help_text=_("A device's name, or the short name of a site or product."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes: tuple[AlarmScope, ...] = _RULED

    def __init__(self, data: Any, *, user: User, prefix: str) -> None:
        super().__init__(data, prefix=prefix)
        self._user = user
        scopes = _MUTED if user.site else self.scopes
        self.fields["scope"].choices = [(each.value, SCOPES[each]) for each in scopes]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Find the one thing that is named, if the person may say something about it."""
        told: dict[str, Any] = super().clean() or {}
        if "scope" not in told or "target" not in told:
            return told
        told["target"] = told["target"].strip()
        wrong = (told["scope"] is AlarmScope.EVERYTHING) != (not told["target"])
        try:
            check_may_watch(self._user, told["scope"], told["target"])
        except (Http404, PermissionDenied):
            wrong = True
        if wrong:
            words = _("There is nothing of this name that you may choose here.")
            self.add_error("target", ValidationError(words, code="target"))
        return told


class RuleForm(_TargetForm):
    """From when on silence is an alarm."""

    minutes = forms.IntegerField(
        label=_("Minutes without a poll"),
        min_value=0,
        max_value=7 * 24 * 60,
        initial=15,
        help_text=_("0: never an alarm."),
    )


class MuteForm(_TargetForm):
    """A device or a site that raises no alarm for a while."""

    scopes = _MUTED
    reason = forms.CharField(label=_("Reason"), max_length=200, validators=[check_text])
    hours = forms.IntegerField(label=_("For how many hours"), min_value=1, max_value=90 * 24)

    @property
    def until_ms(self) -> int:
        """When the mute ends, Unix milliseconds."""
        return now_ms() + int(self.cleaned_data["hours"]) * _HOUR_MS
