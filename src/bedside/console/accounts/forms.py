"""What a person types to let a program sign in, and a country wherever one is typed."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bedside.console.accounts.texts import check_country
from bedside.console.accounts.tokens import read_user_code

__all__ = ["AddressForm", "CountryField", "PasswordForm", "UserCodeForm"]


class CountryField(forms.CharField):
    """The two letters of a country, whatever their case."""

    def __init__(self, **more: Any) -> None:
        attributes = {"autocomplete": "off", "autocapitalize": "characters", "placeholder": "CA"}
        super().__init__(
            max_length=2,
            validators=[check_country],
            widget=forms.TextInput(attrs=attributes),
            **more,
        )

    def to_python(self, value: Any) -> str:
        """Return the letters as capitals."""
        return str(super().to_python(value)).upper()


class AddressForm(forms.Form):
    """The address by whose domain an organisation is found."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )


class PasswordForm(forms.Form):
    """A first password, typed twice."""

    password = forms.CharField(
        label=_("Password"),
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 15 characters: a few words that you can remember."),
    )
    again = forms.CharField(
        label=_("The same again"),
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, object]:
        """Refuse two that differ."""
        values = super().clean() or {}
        if values.get("password") != values.get("again") and not self.errors:
            self.add_error("again", forms.ValidationError(_("The two are not the same.")))
        return values


class UserCodeForm(forms.Form):
    """The code that the program shows."""

    code = forms.CharField(
        label=_("Code"),
        max_length=32,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )

    def clean_code(self) -> str:
        """Return the code as it was given out."""
        code = read_user_code(self.cleaned_data["code"])
        if code is None:
            raise forms.ValidationError(_("A code has eight letters, like BCDF-GHJK."), code="form")
        return code
