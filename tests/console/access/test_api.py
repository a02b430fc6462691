"""The policy through the REST API: rules with a preview, contracts, what a request would meet."""

import pytest

from bedside.console.access.models import Entitlement
from bedside.console.access.queries import stored_rules
from bedside.console.service_sessions.models import ServiceSession
from bedside.vocabulary import SiteAction
from tests.console.pages.reader import Reader
from tests.console.service_sessions.news import live, requested
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, FOREIGN, Api, actions_of, empowered, stale

pytestmark = pytest.mark.usefixtures("fleet")

RULE = {"level": 2, "country": "CA", "start": ["view"], "join": ["view", "control"]}
ASKED = {"access": "system", "mode": "control"}


def gates(answer: dict) -> list[str]:
    """Return the gates that refuse."""
    return [each["gate"] for each in answer["gates"] if not each["passed"]]


def test_the_rules_are_read_by_whoever_reads_the_policy():
    rules = Api("Marie").get("/policy/rules").json()["rules"]
    assert len(rules) == len(stored_rules())
    assert {"level": 2, "country": "US", "product": None} in [
        {name: rule[name] for name in ("level", "country", "product")} for rule in rules
    ]
    assert Api("Julie").get("/policy/rules").status_code == 403


def test_a_change_is_seen_by_whom_it_touches_before_it_is_made():
    before = stored_rules()
    answer = Api("Alex").post("/policy/rules/preview", {"rules": [RULE]})
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert told["losing"] == 2
    marie = next(each for each in told["changes"] if each["name"] == "Marie Tremblay")
    assert (marie["product"], marie["lost_start"]) == ("contrast-injector", ["control", "view"])
    assert stored_rules() == before
    assert Api("Marie").post("/policy/rules/preview", {"rules": []}).status_code == 403


def test_rules_are_made_after_a_fresh_log_in_or_with_a_token_for_it_and_end_what_they_forbid():
    session = live(requested())
    answer = stale("Alex").post("/policy/rules", {"rules": [RULE]})
    assert (answer.status_code, answer.json()["code"]) == (403, "confirmation_needed")
    assert empowered("Alex").post("/policy/rules", {"rules": [RULE]}).json()["rules"] == [
        {**RULE, "number": 1, "product": None, "join": ["control", "view"]}
    ]
    session.refresh_from_db()
    assert (session.ending, session.gate) == ("revoked", "level")
    assert "access:rule:changed" in actions_of()


@pytest.mark.parametrize(
    "rules",
    [
        [RULE, RULE], [{**RULE, "level": 4}], [{**RULE, "country": "can"}], [{**RULE, "country": "ZZ"}], [RULE] * 61,
        [{**RULE, "product": "nothing"}], [{**RULE, "start": ["watch"]}], [{**RULE, "x": 1}],
    ],
)  # fmt: skip
def test_rules_that_make_no_sense_change_nothing(rules):
    before = stored_rules()
    for path in ("/policy/rules", "/policy/rules/preview"):
        assert empowered("Alex").post(path, {"rules": rules}).status_code == 422
    assert stored_rules() == before


def test_a_country_that_is_none_is_refused_in_words():
    for path, body, where in (
        ("/policy/rules", {"rules": [{**RULE, "country": "ZZ"}]}, "body.rules.0.country"),
        ("/policy/simulation",
         {**ASKED, "device": DEVICE, "supposed": {"level": 3, "country": "ZZ"}},
         "body.supposed.country"),
    ):  # fmt: skip
        problem = empowered("Alex").post(path, body).json()
        assert [each["code"] for each in problem["errors"]] == ["country"], path
        assert problem["detail"].endswith(
            "country: the two capital letters of a country are needed (ISO 3166), such as CA."
        )
        assert where.removeprefix("body.") in problem["detail"]


def test_a_person_and_somebody_supposed_are_not_asked_about_at_once():
    both = {"person": "marie@bayard.example", "supposed": {"level": 3, "country": "CA"}}
    answer = Api("Alex").post("/policy/simulation", {**ASKED, "device": DEVICE, **both})
    assert answer.status_code == 422
    assert "not both" in answer.json()["detail"]


def test_what_if_is_answered_gate_by_gate():
    ask = {**ASKED, "device": DEVICE}
    answer = Api("Marie").post("/policy/simulation", {**ask, "person": "marie@bayard.example"})
    assert answer.json()["allowed"] is True
    assert "operator_consent" in answer.json()["obligations"]
    body = {**ask, "supposed": {"level": 3, "country": "CA"}}
    refused = Api("Marie").post("/policy/simulation", body).json()
    assert refused["allowed"] is False
    assert gates(refused) == ["country"]
    gate = next(each for each in refused["gates"] if each["gate"] == "country")
    assert gate["facts"]["country"] == "CA"
    rules = Api("Marie").get("/policy/rules").json()
    assert gate["facts"]["policy"] == rules["policy"] > 0
    named = rules["rules"][gate["facts"]["rule"] - 1]
    assert (named["level"], named["country"], gate["facts"]["lacks"]) == (3, "CA", "mode")
    assert gate["sentence"]
    assert gate["advice"]


def test_what_decided_is_named_contract_training_lock_and_site_policy():
    Api("Julie").post("/locks", {"scope": "site", "target": "notre-dame", "reason": "Recall"})
    body = {**ASKED, "device": DEVICE, "person": "marie@bayard.example", "files": ["files_out"]}
    told = {
        each["gate"]: each["facts"]
        for each in Api("Alex").post("/policy/simulation", body).json()["gates"]
    }
    (contract,) = Api("Alex").get("/contracts").json()["items"]
    assert (told["entitlement"]["contract"], told["entitlement"]["covers"]) == (
        contract["id"],
        "site",
    )
    assert (told["entitlement"]["standing"], told["product_right"]["standing"]) == (
        "holds",
        "holds",
    )
    lock = told["lock"]
    assert (lock["set_by"], lock["organisation"]) == ("Julie Gagnon", "Hôpital Notre-Dame")
    assert (lock["scope"], lock["why"]) == ("site", "Recall")
    assert told["site_policy"]["ruled"] == "files_out=ask_device system_control=ask_device"


def test_files_of_a_watcher_are_refused_as_by_a_request():
    body = {**ASKED, "device": DEVICE, "mode": "view", "joins": True, "files": ["files_out"]}
    answer = Api("Alex").post("/policy/simulation", body)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "files")
    assert Api("Alex").post("/policy/simulation", {**body, "files": None}).status_code == 200


def test_a_simulation_reaches_no_further_than_its_reader():
    for wrong in ({"device": "NO-1"}, {"person": "nobody@x.example"}, {"files": ["job"]}):
        body = {**ASKED, "device": DEVICE, **wrong}
        assert Api("Alex").post("/policy/simulation", body).status_code == 422
    answer = Api("Marie").post(
        "/policy/simulation", {**ASKED, "device": DEVICE, "person": "alex@bayard.example"}
    )
    assert answer.status_code == 422
    assert Api("Julie").post("/policy/simulation", {**ASKED, "device": DEVICE}).status_code == 403


def test_a_request_is_seen_with_what_it_needs_before_it_is_made():
    told = Api("Marie").post(f"/devices/{DEVICE}/needs", ASKED).json()
    assert gates(told) == ["case", "reason"]
    # The sentences of gates are refusals: a gate that passed has none.
    assert all((each["sentence"] is None) is each["passed"] for each in told["gates"])
    assert all((each["advice"] is None) is each["passed"] for each in told["gates"])
    whole = {**ASKED, "case": "C-1", "reason": "Fault"}
    assert Api("Marie").post(f"/devices/{DEVICE}/needs", whole).json()["allowed"] is True
    assert "product_right" in gates(Api("Sam").post(f"/devices/{DEVICE}/needs", whole).json())
    assert not ServiceSession.objects.exists()
    assert Api("Alex").post(f"/devices/{DEVICE}/needs", whole).status_code == 403


def test_the_page_of_a_request_counts_the_ticket_that_was_typed():
    hand = SiteHand()
    hand.register()
    hand.publish(ticket=(SiteAction.SYSTEM_CONTROL,))
    whole = {**ASKED, "case": "C-1", "reason": "Fault"}
    assert gates(Api("Marie").post(f"/devices/{DEVICE}/needs", whole).json()) == ["change_ticket"]
    whole["ticket"] = "CHG-1"
    assert gates(Api("Marie").post(f"/devices/{DEVICE}/needs", whole).json()) == []
    page = Reader("Marie").get(f"/devices/{DEVICE}/request/", **whole, minutes="30")
    assert page.context["decision"].allowed


def test_contracts_are_listed_and_stated():
    items = Api("Marie").get("/contracts").json()["items"]
    assert [(each["site"], each["device"]) for each in items] == [("notre-dame", None)]
    body = {"site": "st-mary", "device": FOREIGN, "start_ms": 1, "end_ms": 2**50}
    made = Api("Alex").post("/contracts", body)
    assert made.status_code == 201, made.content
    assert made.json() == {**body, "id": made.json()["id"]}
    assert [each["device"] for each in Api("Alex").get("/contracts", site="st-mary").json()["items"]] == [FOREIGN]  # fmt: skip
    assert len(Api("Alex").get("/contracts", limit=1).json()["items"]) == 1
    for wrong in ({"device": DEVICE}, {"site": "nowhere"}, {"end_ms": 1}, {"start_ms": -1}):
        assert Api("Alex").post("/contracts", {**body, **wrong}).status_code == 422
    assert Api("Marie").post("/contracts", body).status_code == 403
    assert Api("Julie").get("/contracts").status_code == 403
    assert Entitlement.objects.count() == 2
