import base64

import pytest

from bedside.audit.merkle import leaf_hash
from bedside.console.accounts.models import User
from tests.console.pages.reader import Reader
from tests.console.service_sessions.news import requested
from tests.console.world import DEVICE, FOREIGN, Api

pytestmark = pytest.mark.usefixtures("fleet")


def entries(name: str, **query) -> list[dict]:
    answer = Api(name).get("/journal", **query)
    assert answer.status_code == 200, answer.content
    return answer.json()["items"]


def test_the_journal_tells_of_a_session_who_asked_and_why():
    session = requested().pk
    found = entries("Alex", session=session)
    assert [each["view"]["action"] for each in found] == [
        "session:request:routed",
        "session:request:allowed",
    ]
    assert found[0]["view"]["actor"]["name"] == "Marie Tremblay"
    assert found[0]["view"]["detail"]["reason"] == "Pressure fault E12 after power cut"


def test_a_sites_people_read_of_their_own_devices_only():
    requested()
    devices = {
        each["view"]["detail"].get("device") or each["view"]["object"]["id"]
        for each in entries("Julie")
    }
    assert DEVICE in devices
    assert FOREIGN not in str(entries("Julie"))
    assert "account:" not in str(entries("Julie"))
    assert Api("Julie").get("/journal", device=FOREIGN).status_code == 404
    User.objects.filter(name="Julie Gagnon").update(organisation_id="st-mary")
    assert DEVICE not in str(entries("Julie"))


def test_secret_details_are_for_the_auditor():
    shown = [entries(name, action="device:enrolment:offered")[0] for name in ("Alex", "Marie")]
    assert all("code" not in each["view"]["detail"] for each in shown)
    User.objects.filter(name="Sam Okafor").update(role="auditor")
    assert entries("Sam", limit=5)


def test_pages_go_on_by_their_cursor():
    first = Api("Alex").get("/journal", limit=3).json()
    second = Api("Alex").get("/journal", limit=3, cursor=first["next"]).json()
    ids = [each["id"] for each in first["items"] + second["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 6


@pytest.mark.parametrize("query", [{"action": "no:such:action"}, {"limit": 0}, {"cursor": -1}])
def test_a_filter_that_is_none_is_refused(query):
    assert Api("Alex").get("/journal", **query).status_code == 422


def test_an_entry_opens_to_its_proof_and_to_nobody_else():
    sealed = Api("Alex").get("/journal", action="product:profile:imported").json()["items"][0]
    told = Api("Alex").get(f"/journal/{sealed['id']}").json()
    assert told["view"] == sealed["view"]
    proof = told["proof"]
    assert leaf_hash(base64.b64decode(proof["line"])).hex() == proof["leaf"]
    assert proof["checkpoint"].count("\n") >= 3
    assert Api("Julie").get(f"/journal/{sealed['id']}").status_code == 404
    new = entries("Alex", session=requested().pk)[0]
    assert Api("Alex").get(f"/journal/{new['id']}").json()["proof"] is None
    for row in ("0", str(10**30), "-1"):
        assert Api("Alex").get(f"/journal/{row}").status_code == 404


def test_a_page_of_an_entry_of_any_number_is_as_unknown():
    assert Reader("Alex").get(f"/journal/{10**30}/").status_code == 404
