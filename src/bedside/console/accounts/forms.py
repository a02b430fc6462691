"""What a person types to let a program sign in."""

from django import forms
from django.utils.translation import gettext_lazy as _

from bedside.console.accounts.tokens import read_user_code

__all__ = ["UserCodeForm"]


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
