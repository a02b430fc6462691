"""Unreviewed rights are announced, then the account closes; a review starts the time anew."""

import pytest

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import state_of
from bedside.console.journal.actions import now_ms
from bedside.console.people.reviews import do_review_duty
from tests.console.notices.letters import letters
from tests.console.pages.reader import Reader
from tests.console.world import actions_of, person

pytestmark = pytest.mark.usefixtures("world")
DAY = 86_400_000


@pytest.fixture
def duty(django_capture_on_commit_callbacks):
    """Do the duty so many days after now; letters leave."""
    begun = now_ms()
    User.objects.update(reviewed_ms=begun)

    def run(days: float) -> int:
        with django_capture_on_commit_callbacks(execute=True):
            return do_review_duty(now=begun + round(days * DAY))

    return run


def test_nothing_happens_before_the_notice(duty):
    assert duty(75.9) == 0
    assert letters() == []


def test_a_review_is_announced_to_the_person_and_to_who_answers_for_them(duty):
    duty(76.1)
    to = {address for letter in letters() for address in letter.to}
    assert to == {f"{name}@bayard.example" for name in ("alex", "marie", "sam")} | {
        "julie@notre-dame.example"
    }
    french = next(letter for letter in letters() if letter.to == ["marie@bayard.example"])
    assert "révis" in french.subject.lower()
    count = len(letters())
    duty(77)
    assert len(letters()) == count


def test_whoever_is_not_reviewed_in_time_is_closed_and_the_reviewed_is_not(duty):
    duty(76.1)
    Reader("Alex").post(f"/people/{person('Marie').pk}/review/")
    assert actions_of()[-1] == "account:person:reviewed"
    assert person("Marie").reviewed_by == "Alex Martin"
    User.objects.filter(name="Marie Tremblay").update(reviewed_ms=now_ms() + 80 * DAY)
    assert duty(90.2) == 3
    assert state_of(person("Marie")) == "active"
    assert state_of(person("Sam")) == "closed"
    assert actions_of(action="account:person:closed") == ["account:person:closed"] * 3


def test_a_worker_that_slept_gives_the_notice_its_days(duty):
    assert duty(300) == 0
    assert duty(313) == 0
    assert duty(314.1) == 4


def test_the_list_and_the_csv_show_what_is_due():
    User.objects.filter(name="Sam Okafor").update(reviewed_ms=now_ms() - 100 * DAY)
    said = Reader("Alex").text("/people/review/", due="on")
    assert "Sam Okafor" in said
    assert "Overdue" in said
    assert "Marie Tremblay" not in said
    lines = Reader("Alex").get("/people/review/export/").content.decode().splitlines()
    assert lines[0].startswith("name,email,organisation,employer,role,level,country")
    assert len(lines) == 5


def test_a_cell_that_a_spreadsheet_would_run_is_text():
    User.objects.filter(name="Sam Okafor").update(name="=HYPERLINK(1)")
    assert "\n'=HYPERLINK(1)" in Reader("Alex").get("/people/review/export/").content.decode()


def test_a_site_manager_reviews_the_sites_people_only():
    said = Reader("Julie").text("/people/review/")
    assert "Julie Gagnon" in said
    assert "Marie Tremblay" not in said
    assert Reader("Julie").post(f"/people/{person('Sam').pk}/review/").status_code == 404
    assert Reader("Marie").get("/people/review/").status_code == 403
    assert Reader("Marie").get("/people/review/export/").status_code == 403
