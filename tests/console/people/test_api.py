"""People through the REST API: who reads, and that acts ask for a token made for them."""

import pytest

from bedside.console.accounts.models import Organisation, User
from bedside.console.accounts.queries import state_of
from tests.console.world import Api, actions_of, empowered, person, stale

pytestmark = pytest.mark.usefixtures("world")
INVITED = {
    "email": "Noe@bayard.example", "name": "Noé Roy", "organisation": "bayard-imaging",
    "role": "specialist", "level": 2, "country": "CA", "vetted_on": "2026-01-15",
    "language": "fr",
}  # fmt: skip


def test_people_are_listed_page_by_page_and_filtered():
    api = Api("Alex")
    first = api.get("/people", limit=2).json()
    assert len(first["items"]) == 2
    second = api.get("/people", limit=2, cursor=first["next"]).json()
    assert second["next"] is None
    names = {each["name"] for each in first["items"] + second["items"]}
    assert len(names) == 4
    found = api.get("/people", q="marie", role="specialist", state="active").json()["items"]
    assert [each["email"] for each in found] == ["marie@bayard.example"]
    assert api.get("/people", role="god").status_code == 422
    assert api.get("/people", cursor="!!").status_code == 400


def test_a_site_reads_its_own_people_only():
    api = Api("Julie")
    assert [each["name"] for each in api.get("/people").json()["items"]] == ["Julie Gagnon"]
    assert api.get(f"/people/{person('Marie').pk}").status_code == 404
    assert Api("Marie").get("/people").status_code == 403


def test_an_act_asks_for_a_fresh_log_in_or_a_token_that_names_it():
    answer = stale("Alex").post("/people", INVITED)
    assert (answer.status_code, answer.json()["code"]) == (403, "confirmation_needed")
    assert not User.objects.filter(name="Noé Roy").exists()
    made = empowered("Alex").post("/people", INVITED)
    assert made.status_code == 201, made.content
    assert made.json()["email"] == "noe@bayard.example"
    assert made.json()["vetted_by"] == "Alex Martin"
    assert (made.json()["state"], made.json()["patient_data"]) == ("invited", False)


def test_a_person_goes_through_all_states():
    api, sam = empowered("Alex"), person("Sam")
    path = f"/people/{sam.pk}"
    training = {"product": "contrast-injector", "start_ms": 0, "end_ms": 2**52}
    assert api.post(f"{path}/training", training).json()["products"][0]["end_ms"] == 2**52
    assert api.post(f"{path}/training/contrast-injector/end").status_code == 204
    assert api.post(f"{path}/review").status_code == 204
    assert api.post(f"{path}/close", {"reason": "parental leave"}).status_code == 204
    assert state_of(person("Sam")) == "closed"
    assert api.post(f"{path}/open").status_code == 204
    assert api.post(f"{path}/leave").status_code == 204
    assert state_of(person("Sam")) == "left"
    assert api.post(f"{path}/open").status_code == 422
    assert api.post(f"{path}/invitation").status_code == 204
    assert "account:person:left" in actions_of()


def test_what_is_stated_about_a_person_is_stated_whole():
    api, sam = empowered("Alex"), person("Sam")
    stated = {key: value for key, value in INVITED.items() if key != "email"}
    answer = api.post(f"/people/{sam.pk}", {**stated, "patient_data": True, "role": "manager"})
    assert answer.json()["role"] == "manager"
    assert User.objects.get(pk=sam.pk).patient_data is True


@pytest.mark.parametrize(
    "changed",
    [
        {"role": "god"}, {"role": "site_manager"}, {"level": 4}, {"level": "2"}, {"country": "can"}, {"country": "ZZ"},
        {"vetted_on": "2026-02-30"}, {"vetted_on": 3}, {"vetted_on": "2999-01-01"},
        {"name": ""}, {"name": "x" * 121}, {"name": "a\u202eb"}, {"name": "a\u0000b"},
        {"language": "de"}, {"organisation": "nowhere"}, {"email": "nobody"},
        {"email": "marie@bayard.example"}, {"patient_data": "yes"}, {"surprise": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_stated_is_a_problem(changed):
    answer = empowered("Alex").post("/people", {**INVITED, **changed})
    assert answer.status_code == 422, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert not User.objects.filter(name="Noé Roy").exists()


def test_the_access_review_is_read_by_whoever_answers_for_people():
    items = Api("Alex").get("/access-review").json()["items"]
    assert len(items) == 4
    marie = next(each for each in items if each["name"] == "Marie Tremblay")
    assert marie["products"][0]["product"] == "contrast-injector"
    assert marie["review_due_ms"] - marie["reviewed_ms"] == 90 * 86_400_000
    assert Api("Alex").get("/access-review", due="true").json()["items"] == []
    assert Api("Marie").get("/access-review").status_code == 403


def test_organisations_are_made_and_read():
    contact = {"country": "CA", "name": "Soutien", "telephone": "+1 514 555 0199"}
    body = {"name": "Clinique", "kind": "site", "country": "CA", "language": "fr",
            "timezone": "America/Toronto", "contacts": [contact]}  # fmt: skip
    api = empowered("Alex")
    assert api.post("/organisations/clinic", body).status_code == 200
    assert api.post("/organisations/clinic", {**body, "kind": "manufacturer"}).status_code == 422
    for wrong in ({"timezone": "Mars"}, {"contacts": [contact, contact]}, {"name": "a\u202eb"},
                  {"passkey_roles": ["god"]}, {"name": "Hôpital Notre-Dame"}):  # fmt: skip
        assert api.post("/organisations/other", {**body, **wrong}).status_code == 422, wrong
    assert api.post("/organisations/Ça", body).status_code == 422
    assert not Organisation.objects.filter(pk="other").exists()
    items = Api("Julie").get("/organisations").json()["items"]
    assert {each["id"] for each in items} == {"bayard-imaging", "notre-dame"}
    assert Api("Julie").post("/organisations/clinic", body).status_code == 404
