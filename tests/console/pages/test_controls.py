"""Controls are letter for letter what Django's own templates make of the same form."""

from datetime import date

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.template import Context, Template
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy, override

from bedside.console.pages.controls import ControlRenderer
from bedside.console.pages.templatetags import pages
from bedside.console.service_sessions.models import ServiceSession

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


# What a page says of a field, as a template.
FIELD = """{% if field.is_hidden %}{{ field }}{% elif box %}<div class="field {{ size }}"><label class="form-check">{{ control }}<span>{{ field.label }}</span></label>{% if field.help_text %}<div class="field-help" id="{{ field.auto_id }}_helptext">{{ field.help_text|safe }}</div>{% endif %}{{ field.errors }}</div>{% else %}<div class="field {{ size }}"><label class="form-label" for="{{ field.id_for_label }}">{{ field.label }}</label>{{ control }}{% if field.help_text %}<div class="field-help" id="{{ field.auto_id }}_helptext">{{ field.help_text|safe }}</div>{% endif %}{{ field.errors }}</div>{% endif %}"""


class Fields(forms.Form):
    """A field of each look."""

    name = forms.CharField(label=HOSTILE, max_length=2, help_text="<b>Two</b> letters")
    agreed = forms.BooleanField(label=gettext_lazy("Close"), help_text=HOSTILE)
    many = forms.MultipleChoiceField(choices=GROUPED, widget=forms.CheckboxSelectMultiple)
    secret = forms.CharField(widget=forms.HiddenInput)


@pytest.mark.parametrize("sent", [None, {}, {"name": HOSTILE}, {"name": "x", "agreed": "on"}])
def test_a_field_is_what_its_template_would_make(sent):
    for field in Fields(sent):
        box = isinstance(field.field.widget, forms.CheckboxInput)
        shown = {"field": field, "size": HOSTILE, "box": box, "control": pages.control(field)}
        assert pages.field_tag(field, HOSTILE) == Template(FIELD).render(Context(shown))


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Operating system, control"), ("fr", "Système d’exploitation, prise en main")],
)
def test_what_a_session_is_for_is_said_in_the_reader_s_language(language, words):
    with override(language):
        assert pages.kind_tag(ServiceSession(access="system", mode="control")) == words
