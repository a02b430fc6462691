"""Controls are letter for letter what Django's own templates make of the same form."""

from datetime import date

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy, override

from bedside.console.pages.controls import ControlRenderer

HOSTILE = "<script>alert('x')</script> & \"é\" \u202e"
GROUPED = [
    ("", "---"), (1, 1234567), ("a", HOSTILE), (HOSTILE, mark_safe("<b>")),
    ("Group <1>", [("x", "X"), ("y", gettext_lazy("Close"))]),
]  # fmt: skip
WIDGETS = [
    forms.TextInput(attrs={"class": HOSTILE, "required": True, "disabled": False, "size": 3}),
    forms.NumberInput(), forms.EmailInput(), forms.URLInput(), forms.PasswordInput(),
    forms.PasswordInput(render_value=True), forms.HiddenInput(), forms.DateInput(),
    forms.DateTimeInput(), forms.TimeInput(), forms.CheckboxInput(), forms.Textarea(),
    forms.Select(choices=GROUPED), forms.SelectMultiple(choices=GROUPED),
    forms.CheckboxSelectMultiple(choices=GROUPED),
    forms.RadioSelect(choices=GROUPED), forms.ClearableFileInput(),
]  # fmt: skip
VALUES = [
    None,
    "",
    HOSTILE,
    mark_safe("<b>"),
    1,
    1234567,
    0.5,
    True,
    False,
    date(2026, 1, 2),
    ["a"],
]


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: type(widget).__name__)
def test_a_control_is_what_djangos_template_makes(widget, language):
    for value in VALUES:
        with override(language):
            ours, theirs = (
                widget.render(f"n<{HOSTILE}>", value, {"id": "x"}, renderer=renderer())
                for renderer in (ControlRenderer, DjangoTemplates)
            )
        assert ours == theirs, value


def test_errors_are_what_djangos_template_makes():
    field = forms.CharField(max_length=2)
    for sent in ({}, {"name": HOSTILE}, {"name": "x"}):
        shown = []
        for renderer in (ControlRenderer, DjangoTemplates):
            form = type("F", (forms.Form,), {"name": field})(sent, renderer=renderer())
            shown.append(str(form["name"].errors))
        assert shown[0] == shown[1]
