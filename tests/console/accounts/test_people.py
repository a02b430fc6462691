"""What may be stated about a person, and by whom."""

from dataclasses import replace
from datetime import date

import pytest
from django.core.exceptions import ValidationError

from bedside.console.accounts.actions import (
    do_change_person,
    do_close_account,
    do_create_person,
    do_open_account,
    do_review_person,
)
from bedside.console.accounts.actions.people import _stated
from bedside.console.accounts.models import User
from bedside.console.accounts.queries import employer
from bedside.vocabulary import Level, Role
from tests.console.accounts.people import details
from tests.console.world import PASSWORD, actions_of, person

pytestmark = pytest.mark.usefixtures("world")


def refused(error) -> set[str]:
    found = error.value
    if hasattr(found, "error_dict"):
        return {each.code for errors in found.error_dict.values() for each in errors}
    return {each.code for each in found.error_list}


def test_no_account_is_active_before_a_background_check():
    with pytest.raises(ValidationError) as error:
        do_create_person(
            "a@b.example", details(vetted_on=None), password=PASSWORD, acting_user=person("Alex")
        )
    assert refused(error) == {"not_vetted"}
    do_create_person("a@b.example", details(), password=PASSWORD, acting_user=person("Alex"))


def test_the_check_of_an_open_account_is_not_withdrawn():
    marie = person("Marie")
    with pytest.raises(ValidationError) as error:
        do_change_person(marie, replace(_stated(marie), vetted_on=None), acting_user=person("Alex"))
    assert refused(error) == {"not_vetted"}
    assert person("Marie").vetted_on == date(2025, 2, 3)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": ""}, "blank"),
        ({"name": "x" * 121}, "max_length"),
        ({"name": "Noé\u202eyoR"}, "unprintable"),
        ({"name": "Noé\x07"}, "unprintable"),
        ({"employer": "a\nb"}, "unprintable"),
        ({"country": "ca"}, "not_a_country"),
        ({"country": "CAN"}, "max_length"),
        ({"language": "de"}, "invalid_choice"),
        ({"vetted_on": date(2999, 1, 1)}, "vetted_on"),
        ({"vetted_on": date(1, 1, 1)}, "vetted_on"),
        ({"role": Role.SITE_MANAGER}, "role"),
        ({"organisation": "notre-dame"}, "role"),
        ({"organisation": "nowhere"}, "invalid"),
    ],
)
def test_what_cannot_be_stated_is_refused(change, code):
    with pytest.raises(ValidationError) as error:
        do_create_person(
            "a@b.example", details(**change), password=None, acting_user=person("Alex")
        )
    assert code in refused(error)
    assert not User.objects.filter(email="a@b.example").exists()


def test_a_name_may_be_of_any_script():
    made = do_create_person(
        "a@b.example", details(name="Ωμέγα 李 😀"), password=None, acting_user=person("Alex")
    )
    assert made.name == "Ωμέγα 李 😀"


def test_patient_data_is_off_unless_stated():
    made = do_create_person("a@b.example", details(), password=None, acting_user=person("Alex"))
    assert made.patient_data is False
    do_change_person(made, replace(details(), patient_data=True), acting_user=person("Alex"))
    assert User.objects.get(pk=made.pk).patient_data is True


def test_the_employer_is_the_persons_own_where_there_is_one():
    marie = person("Marie")
    assert employer(marie) == "Bayard Imaging"
    changed = replace(_stated(marie), employer="Field Partners Ltd")
    do_change_person(marie, changed, acting_user=person("Alex"))
    assert employer(person("Marie")) == "Field Partners Ltd"


def test_what_is_stated_again_as_it_was_is_no_change():
    marie = person("Marie")
    before = actions_of()
    do_change_person(marie, _stated(marie), acting_user=person("Alex"))
    assert actions_of() == before


def change_level(alex):
    do_change_person(alex, replace(_stated(alex), level=Level.THREE), acting_user=alex)


def change_patient_data(alex):
    do_change_person(alex, replace(_stated(alex), patient_data=True), acting_user=alex)


def close(alex):
    do_close_account(alex, reason="x", acting_user=alex)


def reopen(alex):
    do_open_account(alex, acting_user=alex)


def review(alex):
    do_review_person(alex, acting_user=alex)


@pytest.mark.parametrize("act", [change_level, change_patient_data, close, reopen, review])
def test_nobody_decides_about_themselves(act):
    with pytest.raises(ValidationError) as error:
        act(person("Alex"))
    assert refused(error) == {"oneself"}


def test_ones_own_name_and_language_are_ones_own():
    alex = person("Alex")
    do_change_person(alex, replace(_stated(alex), language="fr"), acting_user=alex)
    assert person("Alex").language == "fr"
