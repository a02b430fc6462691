"""A support centre's hours are read in the reader's language, and whatever they are, they are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.language import Language
from bedside.site.hours import hours_words

ENGLISH, FRENCH = Language.ENGLISH, Language.FRENCH


@pytest.mark.parametrize(
    ("hours", "english", "french"),
    [
        ("24/7", "24/7", "24/7"),
        ("mon-fri 08:00-20:00", "Monday to Friday, 08:00 to 20:00",
         "du lundi au vendredi, de 08:00 à 20:00"),
        ("lun-ven 08:00-20:00 (HE)", "Monday to Friday, 08:00 to 20:00 (HE)",
         "du lundi au vendredi, de 08:00 à 20:00 (HE)"),
        ("mon,tue 08:00-17:00; sat 09:00-12:00", "Monday, Tuesday, 08:00 to 17:00; Saturday, 09:00 to 12:00",
         "lundi, mardi, de 08:00 à 17:00; samedi, de 09:00 à 12:00"),
        ("by appointment; 99:99", "by appointment; 99:99", "by appointment; 99:99"),
        ("", "", ""),
    ],
)  # fmt: skip
def test_hours(hours, english, french):
    assert (hours_words(hours, ENGLISH), hours_words(hours, FRENCH)) == (english, french)


@given(st.text(max_size=120))
def test_whatever_they_are_they_are_read(hours):
    for language in Language:
        assert isinstance(hours_words(hours, language), str)
