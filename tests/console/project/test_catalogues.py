"""What the console says in French is what its catalogues say, whatever else is installed."""

from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.utils import translation

import bedside.console

CATALOGUES = sorted(Path(bedside.console.__file__).parent.glob("*/locale/fr/LC_MESSAGES/django.po"))


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.parents[3].name)
def test_no_library_and_no_other_app_speaks_instead(file):
    with file.open("rb") as text, translation.override("fr"):
        entries = [each for each in read_po(text) if isinstance(each.id, str) and each.id]
        said = {(each.context, each.id): _say(each.id, each.context) for each in entries}
    assert said == {(each.context, each.id): each.string for each in entries}


def _say(sentence, context):
    return translation.pgettext(context, sentence) if context else translation.gettext(sentence)
