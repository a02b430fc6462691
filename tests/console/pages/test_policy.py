"""Rules with a preview, a simulator that says why, contracts: each by the same policy as a request."""

import pytest

from bedside.console.access.models import Entitlement, StartRule
from bedside.console.accounts.models import User
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.sites.models import SiteArrangement, SiteWindow
from tests.console.pages.reader import Reader, words
from tests.console.world import DEVICE, FOREIGN, actions_of, person

pytestmark = pytest.mark.usefixtures("fleet")


def rows(*rules, act="preview"):
    """Return a form that states these rules: (level, country, boxes that are ticked)."""
    told = {"rule-TOTAL_FORMS": str(len(rules)), "rule-INITIAL_FORMS": "0", act: "1"}
    for number, (level, country, *boxes) in enumerate(rules):
        told[f"rule-{number}-level"] = str(level)
        told[f"rule-{number}-country"] = country
        told |= {f"rule-{number}-{box}": "on" for box in boxes}
    return told


ONLY_THREE = (3, "US", "start_view", "start_control")


def test_a_change_is_shown_by_the_people_it_touches_and_not_made():
    before = StartRule.objects.count()
    said = words(Reader("Alex").post("/policy/", **rows(ONLY_THREE)))
    assert "2 people lose access" in said
    assert "Marie Tremblay" in said
    assert "Sam Okafor" in said
    assert StartRule.objects.count() == before


def test_it_is_made_when_it_is_applied():
    answer = Reader("Alex").post("/policy/", **rows(ONLY_THREE, act="apply"))
    assert answer.status_code == 302, words(answer)
    (rule,) = StartRule.objects.all()
    assert (rule.level, rule.country, rule.start_control, rule.join_view) == (3, "US", True, False)
    assert "access:rule:changed" in actions_of()


@pytest.mark.parametrize(
    "wrong",
    [
        rows((4, "US")), rows((1, "usa")), rows((1, "ZZ")), rows((1, "eu")), rows((1, "US"), (1, "US")),
        {**rows((1, "US")), "rule-0-product": "no-such-product"},
        {**rows((1, "US")), "rule-TOTAL_FORMS": "999"},
        {"apply": "1"},
    ],
)  # fmt: skip
def test_what_is_no_rule_changes_nothing(wrong):
    before = list(StartRule.objects.values())
    assert Reader("Alex").post("/policy/", **{**wrong, "apply": "1"}).status_code == 400
    assert list(StartRule.objects.values()) == before


def test_rules_are_read_by_many_and_changed_by_administrators():
    assert "United States" in Reader("Marie").text("/policy/")
    assert Reader("Marie").post("/policy/", **rows(ONLY_THREE, act="apply")).status_code == 403
    assert Reader("Julie").get("/policy/").status_code == 403


WHAT = {"device": DEVICE, "access": "system", "mode": "control", "minutes": "30", "trained": "on"}


def decided(name="Alex", language="en", **changes):
    return Reader(name, language).text("/policy/simulator/", **{**WHAT, **changes})


def test_a_level_3_in_canada_may_not_start_and_may_join():
    said = decided(level="3", country="ca")
    assert "Would be refused" in said
    assert "This may not be started from this country." in said
    assert "Would be allowed" in decided(level="3", country="CA", joins="on")
    assert "Would be allowed" in decided(level="3", country="US")


def test_the_facts_are_in_the_readers_words():
    said = decided(language="fr", level="3", country="CA")
    assert "pays : Canada · niveau : 3 · mode : Prise en main" in said
    assert "offert : Prise en main, Observation" in said
    assert "état : En service" in said
    assert "renseignements sur les patients : non" in said
    for word in ("control", "service system", "enrolled"):
        assert word not in said.split("La décision")[1]


def test_what_decided_is_named_in_the_readers_words():
    said = decided(level="3", country="CA", also="files_out")
    assert "rule: 1 · for level: 3 · for people in: Canada · for the product: all products" in said
    assert "allows: View, Control" not in said.split("Country")[1].split("does not fit")[0]
    assert "does not fit: mode" in said
    assert "validity: valid" in said
    assert "contract number:" in said
    assert "covers: every device of the site" in said
    assert "the site says: Files from the device (Ask at the device)" in said
    french = decided(language="fr", level="3", country="CA", also="files_out")
    assert "ne convient pas : mode" in french
    assert "couvre : tous les appareils de l’établissement" in french
    assert "l’établissement dit : Fichiers provenant de l’appareil" in french
    assert "Policy" in Reader("Marie").text("/policy/")


def test_a_lock_that_decides_says_who_set_it():
    Reader("Julie").post(f"/devices/{DEVICE}/lock/", reason="Recall")
    said = decided(level="2", country="US")
    assert "set by: Julie Gagnon · of: Hôpital Notre-Dame" in said
    assert "why: Recall" in said


def test_a_real_person_is_decided_as_they_stand():
    assert "Would be allowed" in decided(person="marie@bayard.example")
    User.objects.filter(name="Marie Tremblay").update(vetted_on=None)
    said = decided(person="marie@bayard.example", language="fr")
    assert "manquant : vérification des antécédents" in said
    assert not ServiceSession.objects.exists()


def test_sunday_is_decided_as_sunday():
    """The site is served in its windows only, and one is planned for a day to come."""
    site = person("Julie").organisation
    SiteArrangement.objects.create(site=site, kind="scheduled")
    SiteWindow.objects.create(
        site=site, start_ms=2_224_800_000_000, end_ms=2_224_810_800_000, set_by=person("Julie")
    )
    assert "Would be refused" in decided(level="2", country="US")
    said = decided(level="2", country="US", at="2040-07-01T20:30")
    assert "Would be allowed" in said
    assert "It would end by" in said


def test_untrained_and_patient_data_are_supposed_too():
    said = Reader("Alex").text(
        "/policy/simulator/",
        **{key: value for key, value in WHAT.items() if key != "trained"}, level="2", country="US",
    )  # fmt: skip
    assert "No right for this product." in said


@pytest.mark.parametrize(
    "changes",
    [{"device": "nothing"}, {"person": "nobody@x.example"}, {"level": "9"}, {"country": "USA"}, {"country": "zz"},
     {"person": "marie@bayard.example", "country": "CA"},
     {"joins": "on", "mode": "view", "also": "files_in"},
     {"minutes": "0"}, {"minutes": "x"}, {"access": "all"}, {"at": "Sunday"}, {"also": "job"}],
)  # fmt: skip
def test_what_cannot_be_supposed_is_said(changes):
    answer = Reader("Alex").get("/policy/simulator/", **{**WHAT, **changes})
    assert answer.status_code == 400


def test_the_simulator_complains_of_nothing_before_anything_is_typed():
    answer = Reader("Alex").get("/policy/simulator/")
    assert answer.status_code == 200
    assert "errorlist" not in answer.content.decode()
    assert "invalid" not in answer.content.decode()


def test_the_simulator_names_a_device_that_is_not_there():
    answer = Reader("Alex").get("/policy/simulator/", **{**WHAT, "device": "CI-99999"})
    assert "There is no such device for you." in answer.content.decode()


def test_the_simulator_is_no_window_into_other_sites():
    assert Reader("Julie").get("/policy/simulator/").status_code == 403


def test_a_contract_is_stated_for_a_site_or_a_device():
    reader = Reader("Alex", "fr")
    stated = {"site": "st-mary", "start": "2026-01-01", "end": "2026-12-31"}
    assert reader.post("/policy/contracts/", **stated).status_code == 302
    row = Entitlement.objects.get(site="st-mary")
    assert row.end_ms == 1_798_779_600_000  # the last day whole, in New York
    assert reader.post("/policy/contracts/", **{**stated, "device": FOREIGN}).status_code == 302
    assert Entitlement.objects.get(device=FOREIGN)
    assert "St. Mary Medical Center" in reader.text("/policy/contracts/")
    wrong = {**stated, "end": "2025-01-01"}
    assert reader.post("/policy/contracts/", **wrong).status_code == 400
    assert reader.post("/policy/contracts/", **{**stated, "device": DEVICE}).status_code == 400
    assert Reader("Marie").post("/policy/contracts/", **stated).status_code == 403
