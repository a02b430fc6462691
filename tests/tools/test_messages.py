"""Sentences for people are found in Python and in Django templates."""

import pytest

from tools.messages import ComposedSentenceError, Message, UnmarkedSentenceError, messages_of


def found_in(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return list(messages_of(path))


def test_calls_of_gettext_names_are_found_whatever_carries_them(tmp_path):
    source = """
_("Nobody is connected.")
self.words.ngettext("one device", "%(n)d devices", n)
pgettext("a button", "Refuse")
N_("joined "
   "halves")
"""
    assert found_in(tmp_path, "page.py", source) == [
        Message("Nobody is connected."),
        Message("one device", plural="%(n)d devices"),
        Message("Refuse", context="a button"),
        Message("joined halves"),
    ]


def test_a_variable_is_somebody_elses_sentence(tmp_path):
    assert found_in(tmp_path, "page.py", "_(sentence)") == []


@pytest.mark.parametrize("composed", ['_(f"{n} devices")', '_("hello " + name)', '_("%s" % name)'])
def test_a_composed_sentence_is_refused(tmp_path, composed):
    with pytest.raises(ComposedSentenceError, match=r"page\.py:1"):
        found_in(tmp_path, "page.py", composed)


@pytest.mark.parametrize("said", ['"x is missing"', 'f"{name} is missing"', '"x" + name'])
def test_an_error_that_owns_its_sentence_needs_a_marked_one(tmp_path, said):
    good = 'raise ConfigError(N_("{name} is missing"), name=name)'
    assert found_in(tmp_path, "good.py", good) == [Message("{name} is missing")]
    assert found_in(tmp_path, "passed_on.py", "raise ConfigError(error.text)") == []
    with pytest.raises(UnmarkedSentenceError, match=r"page\.py:1"):
        found_in(tmp_path, "page.py", f"raise ConfigError({said})")


def test_template_tags_are_found(tmp_path):
    template = """{% load i18n %}{% translate "Sign in" %} {% translate "Open" context "state" %}
{% blocktranslate count n=devices|length trimmed %}
  One device's here.
{% plural %}
  {{ n }} devices are here.
{% endblocktranslate %}{{ _("Search") }}"""
    assert set(found_in(tmp_path, "page.html", template)) == {
        Message("Sign in"),
        Message("Open", context="state"),
        Message("One device's here.", plural="%(n)s devices are here."),
        Message("Search"),
    }
