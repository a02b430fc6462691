"""What is stated about somebody, for tests that make people."""

from datetime import date

from bedside.console.accounts.actions import PersonDetails
from bedside.vocabulary import Level, Role


def details(**changed) -> PersonDetails:
    stated = {
        "name": "Noé Roy",
        "organisation": "bayard-imaging",
        "role": Role.SPECIALIST,
        "level": Level.TWO,
        "country": "CA",
        "vetted_on": date(2026, 1, 15),
    }
    return PersonDetails(**{**stated, **changed})
