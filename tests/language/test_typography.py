"""Quotation marks and names of zones as each language writes them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bedside.language import Language
from bedside.language.typography import minute_text, quoted, zone_name


def test_words_of_somebody_stand_between_the_marks_of_the_language():
    assert quoted("Recall 7", Language.ENGLISH) == "“Recall 7”"
    assert quoted("Rappel {7}", Language.FRENCH) == "«\u00a0Rappel {7}\u00a0»"


@pytest.mark.parametrize(
    ("zone", "english", "french"),
    [("America/Toronto", "EST", "HNE"), ("UTC", "UTC", "UTC"), ("Asia/Tokyo", "JST", "JST")],
)
def test_a_zone_has_its_name_in_each_language(zone, english, french):
    at = datetime(2026, 11, 26, tzinfo=UTC).astimezone(ZoneInfo(zone))
    assert zone_name(at, Language.ENGLISH) == english
    assert zone_name(at, Language.FRENCH) == french
    assert zone_name(at.replace(tzinfo=None), Language.FRENCH) == "UTC"


def test_a_time_says_its_zone():
    at = datetime(2026, 7, 1, 13, 5, tzinfo=UTC).astimezone(ZoneInfo("America/Toronto"))
    assert minute_text(at, Language.ENGLISH) == "2026-07-01 09:05 EDT"
    assert minute_text(at, Language.FRENCH) == "2026-07-01 09:05 HAE"
