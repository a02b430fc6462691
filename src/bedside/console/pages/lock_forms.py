"""What people type to lock something."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.utils.translation import gettext_lazy as _

from bedside.console.access.actions import LockTarget
from bedside.console.access.queries import target_named
from bedside.console.accounts.models import User
from bedside.console.pages.site_forms import check_plain
from bedside.console.pages.words import LOCKED
from bedside.policy.facts import LockScope

__all__ = ["ScopedLockForm"]

_OF_A_SITE = (LockScope.DEVICE, LockScope.PERSON, LockScope.SITE)


class ScopedLockForm(forms.Form):
    """What is locked, and why."""

    scope = forms.TypedChoiceField(label=_("What is locked"), coerce=LockScope)
    target = forms.CharField(
        label=_("Which one"),
        required=False,
        max_length=254,
        validators=[check_plain],
        help_text=_(
            "A device's name, a person's e-mail address or identifier, or the short name of a site or "
            "product."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        validators=[check_plain],
        help_text=_("Shown to everybody who is refused because of it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data)
        self._user = user
        scopes = _OF_A_SITE if user.site else tuple(LockScope)
        self.fields["scope"].choices = [(scope.value, LOCKED[scope]) for scope in scopes]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Find the one thing that is named, if the person may lock it."""
        told: dict[str, Any] = super().clean() or {}
        if "scope" not in told or "target" not in told:
            return told
        try:
            everything = told["scope"] is LockScope.EVERYTHING
            name = "" if everything else told["target"].strip()
            told["target"] = target_named(self._user, told["scope"], name)
        except (Http404, PermissionDenied):
            words = _("There is nothing of this name that you may lock.")
            self.add_error("target", ValidationError(words, code="target"))
        return told

    @property
    def lock(self) -> LockTarget:
        """The lock; the form is valid."""
        return LockTarget(self.cleaned_data["scope"], self.cleaned_data["target"])
