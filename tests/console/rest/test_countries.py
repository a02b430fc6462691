"""The countries that a code may name: those of ISO 3166-1, held against CLDR's."""

from babel import Locale

from bedside.console.rest.countries import COUNTRIES

# What CLDR has a name for, and ISO 3166-1 has not assigned: reserved and made-up codes.
NO_COUNTRIES = {
    "AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ",
}  # fmt: skip


def test_a_country_is_an_assigned_code_and_none_is_missing():
    named = {code for code in Locale("en").territories if len(code) == 2}
    assert named - COUNTRIES == NO_COUNTRIES
    assert named >= COUNTRIES
