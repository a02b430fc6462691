"""How people sign in, through the REST API: workstations, an organisation's own provider."""

import pytest

from bedside.console.accounts.models import SingleSignOn, Workstation
from tests.console.passkeys import register_passkey
from tests.console.world import Api, actions_of, empowered, person, stale

pytestmark = pytest.mark.usefixtures("world")

PROVIDER = {
    "domains": ["Notre-Dame.example"], "server_url": "https://sso.notre-dame.example",
    "client_id": "bedside", "client_secret": "a secret of the provider",
}  # fmt: skip
PATH = "/organisations/notre-dame/single-sign-on"


def test_a_passkey_becomes_a_workstation_and_is_one_no_more():
    marie = person("Marie")
    register_passkey(marie)
    path = f"/people/{marie.pk}/passkeys"
    (passkey,) = Api("Alex").get(path).json()["items"]
    assert (passkey["stays"], passkey["workstation"]) == (True, None)
    enrol = f"{path}/{passkey['id']}/enrol"
    assert stale("Alex").post(enrol).json()["code"] == "confirmation_needed"
    assert empowered("Alex").post(enrol).status_code == 204
    (passkey,) = Api("Alex").get(path).json()["items"]
    assert (passkey["workstation"], passkey["enrolled_by"]) == ("Test key", "Alex Martin")
    assert empowered("Alex").post(f"{path}/{passkey['id']}/remove").status_code == 204
    assert not Workstation.objects.exists()
    assert actions_of().count("account:workstation:changed") == 2


def test_a_passkey_that_travels_and_ones_own_are_no_workstation():
    register_passkey(person("Marie"), synced=True)
    register_passkey(person("Alex"))
    for name in ("Marie", "Alex"):
        path = f"/people/{person(name).pk}/passkeys"
        key = Api("Alex").get(path).json()["items"][0]["id"]
        assert empowered("Alex").post(f"{path}/{key}/enrol").status_code == 422
        assert empowered("Alex").post(f"{path}/{key + 100}/enrol").status_code == 404
    assert not Workstation.objects.exists()


def test_training_is_listed_and_filtered():
    items = Api("Alex").get("/training").json()["items"]
    assert {(each["name"], each["product"]) for each in items} == {
        ("Marie Tremblay", "contrast-injector"), ("Sam Okafor", "workstation"),
    }  # fmt: skip
    assert len(Api("Alex").get("/training", limit=1).json()["items"]) == 1
    assert len(Api("Alex").get("/training", product="workstation").json()["items"]) == 1
    assert Api("Alex").get("/training", until="ended").json()["items"] == []
    assert Api("Alex").get("/training", until="later").status_code == 422
    assert Api("Julie").get("/training").json()["items"] == []
    assert Api("Marie").get("/training").status_code == 403


def test_single_sign_on_is_stated_read_and_ended():
    assert Api("Alex").get(PATH).status_code == 404
    assert stale("Alex").post(PATH, PROVIDER).json()["code"] == "confirmation_needed"
    told = empowered("Alex").post(PATH, PROVIDER).json()
    assert told["domains"] == ["notre-dame.example"]
    assert "secret" not in str(told)
    kept = SingleSignOn.objects.get().client_secret
    again = {**PROVIDER, "client_secret": "", "client_id": "other"}
    assert empowered("Alex").post(PATH, again).status_code == 200
    assert SingleSignOn.objects.get().client_secret == kept
    assert Api("Alex").get(PATH).json()["client_id"] == "other"
    assert Api("Julie").get(PATH).status_code == 403
    assert empowered("Alex").post(f"{PATH}/end").status_code == 204
    assert empowered("Alex").post(f"{PATH}/end").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"domains": []}, {"domains": ["no domain"]}, {"server_url": "http://sso.example"},
        {"client_id": ""}, {"client_id": "a\u202eb"}, {"trusts_second_factor": "yes"},
    ],
)  # fmt: skip
def test_a_provider_that_cannot_be_is_refused(wrong):
    answer = empowered("Alex").post(PATH, {**PROVIDER, **wrong})
    assert answer.status_code == 422, answer.content
    assert not SingleSignOn.objects.exists()
