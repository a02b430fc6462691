"""The pages about people: who sees whom, what is searched, what a form refuses."""

import pytest

from bedside.console.access.models import ProductRight
from bedside.console.accounts.models import Organisation, SupportContact, User
from tests.console.notices.letters import letters
from tests.console.pages.reader import Reader, words
from tests.console.world import actions_of, person

pytestmark = pytest.mark.usefixtures("world")

INVITED = {
    "email": "noe@bayard.example", "name": "Noé Roy", "organisation": "bayard-imaging",
    "employer": "", "role": "specialist", "level": "2", "country": "ca",
    "vetted_on": "2026-01-15", "language": "fr",
}  # fmt: skip
HOSTILE = ["x" * 5000, "a\x07b", "a\u202eb", "a\x00b"]


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ({"q": "marie"}, "Marie Tremblay", "sam@bayard"),
        ({"q": "@notre"}, "Julie Gagnon", "Marie Tremblay"),
        ({"role": "administrator"}, "Alex Martin", "Marie Tremblay"),
        ({"organisation": "notre-dame"}, "Julie Gagnon", "alex@bayard"),
        ({"state": "closed"}, "Nobody matches", "Marie Tremblay"),
        ({"role": "nonsense", "state": "nonsense"}, "Marie Tremblay", "Nobody matches"),
    ],
)
def test_filters_are_the_address(query, shown, hidden):
    said = Reader("Alex").text("/people/", **query)
    assert shown in said
    assert hidden not in said


def test_a_site_is_offered_no_organisation_whose_people_it_does_not_see():
    assert 'value="bayard-imaging"' in Reader("Alex").get("/people/").content.decode()
    shown = Reader("Julie").get("/people/").content.decode()
    assert 'name="organisation"' not in shown
    assert 'value="bayard-imaging"' not in shown


def test_a_site_sees_its_own_people_only():
    said = Reader("Julie").text("/people/")
    assert "julie@notre-dame.example" in said
    assert "bayard.example" not in said
    assert Reader("Julie").get(f"/people/{person('Marie').pk}/").status_code == 404
    assert Reader("Marie").get("/people/").status_code == 403


def test_the_list_costs_the_same_however_long_it_is(django_assert_max_num_queries):
    User.objects.bulk_create(
        User(
            email=f"p{number}@bayard.example", name=f"Person {number}",
            organisation_id="bayard-imaging", role="specialist", password="!",
        )
        for number in range(300)
    )  # fmt: skip
    reader = Reader("Alex")
    with django_assert_max_num_queries(10):
        page = reader.get("/people/").content.decode()
    assert page.count('id="person-') == 50
    assert 'rel="next"' in page


@pytest.mark.parametrize("path", ["/people/", "/people/training/", "/people/review/",
                                  "/organisations/"])  # fmt: skip
@pytest.mark.parametrize("cursor", ["!!", "x" * 300, "YWJj", "4pi6"])
def test_a_strange_cursor_is_no_fault(path, cursor):
    assert Reader("Alex").get(path, after=cursor).status_code in (200, 400)


def test_somebody_is_invited(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = Reader("Alex").post("/people/invite/", **INVITED)
    made = User.objects.get(email="noe@bayard.example")
    assert answer["Location"] == f"/people/{made.pk}/"
    assert made.country == "CA"
    assert made.vetted_by == "Alex Martin"
    assert [letter.to for letter in letters()] == [["noe@bayard.example"]]
    assert actions_of()[-2:] == ["account:person:created", "account:invitation:sent"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("name", value) for value in HOSTILE),
        *(("employer", value) for value in HOSTILE),
        *(("email", value) for value in (*HOSTILE, "", "nobody", "marie@bayard.example",
                                          "MARIE@bayard.example")),
        *(("organisation", value) for value in (*HOSTILE, "", "st-mary", "nowhere")),
        *(("role", value) for value in ("site_manager", "god", "🔑")),
        *(("level", value) for value in ("0", "4", "two", "²")),
        *(("country", value) for value in ("CAN", "c1", "ZZ", "uk", "🇨🇦", "é")),
        *(("vetted_on", value) for value in ("yesterday", "2999-01-01", "2026-02-30", "0001-01-01")),
        *(("language", value) for value in ("de", "")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_cannot_be_stated_is_said_beside_its_field(field, value, language):
    before = User.objects.count()
    answer = Reader("Alex", language).post("/people/invite/", **{**INVITED, field: value})
    assert answer.status_code == 400
    shown = answer.content.decode()
    assert 'class="errorlist"' in shown or 'role="alert"' in shown
    assert User.objects.count() == before
    assert letters() == []


def test_a_role_is_changed_by_an_administrator_alone():
    sam = person("Sam")
    fields = {**INVITED, "name": sam.name, "role": "manager", "vetted_on": "2025-02-03"}
    page = f"/people/{sam.pk}/edit/"
    for name in ("Marie", "Julie"):
        answer = Reader(name).post(page, **fields)
        assert answer.status_code in (403, 404)
    assert person("Sam").role == "specialist"
    assert Reader("Alex").post(page, **fields).status_code == 302
    assert person("Sam").role == "manager"
    assert actions_of()[-1] == "account:person:changed"


def test_an_administrator_does_not_change_their_own_rights():
    alex = person("Alex")
    fields = {**INVITED, "name": alex.name, "role": "auditor", "level": "", "country": "US",
              "vetted_on": "2025-02-03"}  # fmt: skip
    answer = Reader("Alex").post(f"/people/{alex.pk}/edit/", **fields)
    assert answer.status_code == 400
    assert "Nobody decides about their own rights" in words(answer)
    assert person("Alex").role == "administrator"


def test_training_is_stated_and_ended():
    marie, reader = person("Marie"), Reader("Alex")
    page = f"/people/{marie.pk}/train/"
    stated = {"product": "workstation", "first": "2026-01-01", "last": "2027-12-31"}
    assert reader.post(page, **stated).status_code == 302
    right = ProductRight.objects.get(person=marie, product="workstation")
    assert right.end_ms == 1_830_297_600_000  # 2028-01-01 UTC: the last day is included
    assert "2027-12-31" in reader.text(f"/people/{marie.pk}/")
    assert reader.post(f"{page}workstation/end/").status_code == 302
    right.refresh_from_db()
    assert right.end_ms < 1_830_297_600_000
    assert actions_of()[-2:] == ["access:right:changed"] * 2
    assert reader.post(f"{page}nothing/end/").status_code == 404


@pytest.mark.parametrize(
    "changed",
    [{"product": "nothing"}, {"product": "x" * 999}, {"first": ""}, {"first": "soon"},
     {"last": "2025-01-01"}, {"last": "9999-99-99"}, {"product": "\u202e"}],
)  # fmt: skip
def test_training_that_cannot_be_is_refused(changed):
    stated = {"product": "workstation", "first": "2026-01-01", "last": "", **changed}
    marie = person("Marie")
    assert Reader("Alex").post(f"/people/{marie.pk}/train/", **stated).status_code == 400
    assert not ProductRight.objects.filter(person=marie, product="workstation").exists()


def test_who_is_trained_for_what_is_one_list():
    said = Reader("Alex").text("/people/training/", product="workstation")
    assert "Sam Okafor" in said
    assert "Marie Tremblay" not in said
    assert "No training matches" in Reader("Julie").text("/people/training/")


SITE = {
    "key": "clinic", "name": "Clinique", "kind": "site", "country": "CA", "language": "fr",
    "timezone": "America/Toronto", "contact-TOTAL_FORMS": "2", "contact-INITIAL_FORMS": "0",
    "contact-0-country": "ca", "contact-0-name": "Centre de soutien",
    "contact-0-telephone": "+1 514 555 0199",
}  # fmt: skip


def test_an_organisation_is_made_and_its_contacts_changed():
    reader = Reader("Alex")
    assert reader.post("/organisations/new/", **SITE).status_code == 302
    assert SupportContact.objects.get(organisation="clinic").country == "CA"
    changed = {**SITE, "contact-INITIAL_FORMS": "1", "contact-0-country": "US"}
    assert reader.post("/organisations/clinic/", **changed).status_code == 302
    assert [c.country for c in SupportContact.objects.filter(organisation="clinic")] == ["US"]
    emptied = {**changed, "contact-0-country": "", "contact-0-name": "", "contact-0-telephone": ""}
    assert reader.post("/organisations/clinic/", **emptied).status_code == 302
    assert not SupportContact.objects.exists()
    assert actions_of().count("account:contact:changed") == 4


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "Ça"}, {"key": "notre-dame"}, {"key": "x" * 99}, {"name": ""},
        {"name": "a\u202eb"}, {"name": "Hôpital Notre-Dame"}, {"kind": "bank"},
        {"country": "Canada"}, {"country": "ZZ"}, {"timezone": "Mars/Base"}, {"language": "de"},
        {"passkey_roles": "god"}, {"contact-0-telephone": "call me"}, {"contact-0-name": ""},
        {"contact-0-country": "C"}, {"contact-0-country": "EU"}, {"contact-0-email": "nobody"}, {"contact-TOTAL_FORMS": "x"},
        {"contact-TOTAL_FORMS": "9999999"},
        {"contact-1-country": "CA", "contact-1-name": "x", "contact-1-telephone": "+1 514 555 0199"},
    ],
)  # fmt: skip
def test_an_organisation_that_cannot_be_is_refused(changed):
    answer = Reader("Alex").post("/organisations/new/", **{**SITE, **changed})
    assert answer.status_code == 400
    assert not Organisation.objects.filter(pk="clinic").exists()
    assert not SupportContact.objects.exists()


def test_organisations_of_others_are_as_unknown():
    reader = Reader("Julie")
    assert "St. Mary" not in reader.text("/organisations/")
    for there in ("st-mary", "nowhere"):
        assert reader.get(f"/organisations/{there}/").status_code == 404
    assert reader.post("/organisations/notre-dame/", **SITE).status_code == 403


def test_ones_own_countrys_support_contact_is_shown(django_assert_max_num_queries):
    home = Organisation.objects.get(pk="bayard-imaging")
    for country, name in (("CA", "Soutien Canada"), ("US", "Support US")):
        SupportContact.objects.create(
            organisation=home, country=country, name=name, telephone="+1 514 555 0199"
        )
    said = Reader("Julie", "fr").text("/account/")
    assert "Soutien Canada" in said
    assert "Support US" not in said


@pytest.mark.parametrize("act", ["edit", "close", "open", "factors", "leave"])
def test_what_nobody_does_to_themselves_is_refused_where_it_is_opened(act):
    alex = Reader("Alex")
    path = f"/people/{person('Alex').pk}/{act}/"
    for answer in (alex.get(path), alex.post(path)):
        assert answer.status_code == 400
        assert "Nobody decides about their own rights: ask another administrator." in words(answer)
        assert "<textarea" not in answer.content.decode()
    assert Reader("Sam").get(f"/people/{person('Sam').pk}/{act}/").status_code == 403
    assert alex.get(f"/people/{person('Marie').pk}/{act}/").status_code == 200


def test_french_says_of_training_what_holds_for_anybody():
    alex, sam = Reader("Alex", "fr"), person("Sam")
    ProductRight.objects.filter(person=sam).update(start_ms=1, end_ms=2)
    for said in (alex.text("/people/training/"), alex.text(f"/people/{sam.pk}/")):
        assert "A pris fin" in said
        assert "Terminé" not in said
    assert "Aucune formation sur un produit" in alex.text(f"/people/{person('Alex').pk}/")
