import pytest

from bedside.console.service_sessions.models import ServiceSession
from tests.console.world import Api, asking

pytestmark = pytest.mark.usefixtures("fleet")


def test_a_request_that_every_rule_allows_is_on_its_way_to_the_device():
    answer = Api("Marie").post("/sessions", asking())
    assert answer.status_code == 201, answer.content
    session = answer.json()
    assert session["state"] == "routed"
    assert session["relay"] == "a"
    assert [step["state"] for step in session["timeline"]] == ["requested", "routed"]
    assert ServiceSession.objects.get().person_name == "Marie Tremblay"
