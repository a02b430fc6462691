import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bedside.audit.entry import SYSTEM
from bedside.console.devices.actions import (
    DeviceDetails,
    do_save_device,
    do_send_due_configurations,
)
from bedside.console.devices.queries import device_facts
from bedside.console.journal.actions import now_ms
from bedside.console.relays.actions import do_note_sightings
from bedside.console.relays.models import DeviceMessage, Relay
from bedside.protocol.batch import Absent, Overdue
from bedside.protocol.presence import RELAY_LOST_MS
from bedside.vocabulary import Contact, DeviceId
from tests.console.world import DEVICE, FOREIGN, Api, actions_of, empowered

pytestmark = pytest.mark.usefixtures("fleet")


def add_devices(count: int) -> None:
    for number in range(count):
        details = DeviceDetails(
            product="workstation", site="st-mary", display_name=f"Reading room {number}"
        )
        do_save_device(f"WS-{90000 + number}", details, acting_user=SYSTEM)


def test_a_device_says_who_it_is_and_where_it_was_seen():
    shown = Api("Marie").get(f"/devices/{DEVICE}").json()
    assert shown["site"] == {"id": "notre-dame", "name": "Hôpital Notre-Dame"}
    assert shown["product"]["id"] == "contrast-injector"
    assert (shown["state"], shown["locked"]) == ("enrolled", False)
    assert (shown["contact"], shown["presence"]["relay"]) == ("online", "a")
    assert Api("Marie").get(f"/devices/{FOREIGN}").json()["presence"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [DEVICE, FOREIGN]),
        ({"search": "ci-204"}, [DEVICE]),
        ({"search": "room notre"}, [DEVICE]),
        ({"search": "reading"}, [FOREIGN]),
        ({"search": "%"}, []),
        ({"state": "enrolled"}, [DEVICE]),
        ({"site": "st-mary"}, [FOREIGN]),
    ],
)
def test_the_fleet_is_searched(query, found):
    items = Api("Marie").get("/devices", **query).json()["items"]
    assert [item["id"] for item in items] == found


def configured(device: str) -> tuple[str, ...]:
    return device_facts(device).preferred


def test_the_narrowest_pin_applies_and_its_devices_are_told():
    do_send_due_configurations(now=now_ms())
    wide, site, narrow = (
        {"scope": "country", "subject": "CA", "relays": ["b", "a"]},
        {"scope": "site", "subject": "notre-dame", "relays": ["b"]},
        {"scope": "device", "subject": DEVICE, "relays": ["a"]},
    )
    for body, preferred in ((wide, ("b", "a")), (site, ("b",)), (narrow, ("a",))):
        assert empowered("Alex").post("/relay-pins", body).status_code == 200
        assert configured(DEVICE) == preferred
        assert do_send_due_configurations(now=now_ms()) > 0
    assert Api("Marie").get("/relay-pins").json()["items"] == [wide, site, narrow]
    assert len(actions_of(action="relay:pin:changed")) == 3
    assert empowered("Alex").post("/relay-pins", {**narrow, "relays": []}).status_code == 200
    assert Api("Marie").get("/relay-pins").json()["items"] == [wide, site]
    assert configured(DEVICE) == ("b",)


def test_a_pin_said_again_tells_nobody():
    body = {"scope": "device", "subject": DEVICE, "relays": ["a"]}
    empowered("Alex").post("/relay-pins", body)
    do_send_due_configurations(now=now_ms())
    assert empowered("Alex").post("/relay-pins", body).status_code == 200
    assert do_send_due_configurations(now=now_ms()) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"relays": ["z"]},
        {"relays": ["a", "a"]},
        {"subject": "CI-99999"},
        {"scope": "site", "subject": "nowhere"},
        {"scope": "country", "subject": "FR"},
    ],
)
def test_what_cannot_be_pinned_is_refused(changes):
    body = {"scope": "device", "subject": DEVICE, "relays": ["a"]}
    assert empowered("Alex").post("/relay-pins", body).status_code == 200
    assert empowered("Alex").post("/relay-pins", body | changes).status_code == 422
    assert configured(DEVICE) == ("a",)


def test_only_who_manages_relays_pins_devices():
    body = {"scope": "device", "subject": DEVICE, "relays": ["a"]}
    assert Api("Marie").post("/relay-pins", body).status_code == 403
    assert Api("Julie").post("/relay-pins", body).status_code == 403
    assert Api("Julie").get("/relay-pins").json()["items"] == []
    assert configured(DEVICE) == ()


def test_pages_follow_one_another_and_never_repeat():
    add_devices(5)
    names, cursor = [], None
    while True:
        page = (
            Api("Marie").get("/devices", limit=3, **({"cursor": cursor} if cursor else {})).json()
        )
        names += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert names == sorted(set(names))
    assert len(names) == 7


@pytest.mark.parametrize(
    ("path", "queries"),
    [("/devices", 4), (f"/devices/{DEVICE}", 4), ("/sessions", 3), ("/journal", 3), ("/me", 2)],
)
def test_a_page_costs_the_same_queries_however_long_it_is(path, queries):
    """What only improves: the number may go down."""
    api = Api("Marie")
    counted = []
    for more in (0, 20):
        add_devices(more)
        with CaptureQueriesContext(connection) as context:
            assert api.get(path).status_code == 200
        counted.append(len(context))
    assert counted == [queries, queries], [each["sql"] for each in context.captured_queries]


def test_a_change_is_told_to_the_device_and_one_that_is_none_is_not():
    before = DeviceMessage.objects.filter(device=DEVICE, kind="configuration").count()
    body = {
        "id": DEVICE,
        "product": "contrast-injector",
        "site": "notre-dame",
        "display_name": "Injector, room 4",
        "room": "3",
    }
    assert Api("Alex").post("/devices", body).status_code == 201
    assert Api("Alex").post("/devices", body).status_code == 201
    sent = DeviceMessage.objects.filter(device=DEVICE, kind="configuration").count()
    assert sent == before + 1
    assert actions_of(device=DEVICE).count("device:record:changed") == 1


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"id": "ci 1"}, "id"),
        ({"product": "unknown"}, "product"),
        ({"site": "nowhere"}, "site"),
        ({"display_name": "x" * 81}, "display_name"),
    ],
)
def test_a_device_with_a_wrong_value_is_refused_by_the_values_name(changed, where):
    body = {"id": "CI-1", "product": "workstation", "site": "st-mary", "display_name": "x"}
    assert Api("Alex").post("/devices", body).status_code == 201
    answer = Api("Alex").post("/devices", {**body, "id": "CI-2", **changed})
    assert answer.status_code == 422
    assert where in [error["where"] for error in answer.json()["errors"]]


def test_an_enrolment_is_offered_to_who_may_and_told_once():
    offer = Api("Alex").post(f"/devices/{FOREIGN}/enrolment").json()
    assert len(offer["code"]) == 35
    for name in ("Marie", "Julie"):
        assert Api(name).post(f"/devices/{DEVICE}/enrolment").status_code == 403
    assert "device:enrolment:offered" in actions_of(device=FOREIGN)


def test_script_in_a_name_stays_text():
    body = {
        "id": "CI-3",
        "product": "workstation",
        "site": "st-mary",
        "display_name": "<script>alert(1)</script>",
    }
    answer = Api("Alex").post("/devices", body)
    assert answer["Content-Type"].startswith("application/json")
    assert answer["X-Content-Type-Options"] == "nosniff"


def by_contact() -> dict[str, list[str]]:
    """The devices of each contact, as the API filters and as it shows them: the same."""
    found = {}
    for contact in Contact:
        items = Api("Alex").get("/devices", contact=contact).json()["items"]
        assert {each["contact"] for each in items} <= {contact}
        if items:
            found[contact] = [each["id"] for each in items]
    return found


def test_devices_are_filtered_by_contact():
    assert by_contact() == {"online": [DEVICE], "never_seen": [FOREIGN]}
    late = Overdue(device=DeviceId(DEVICE), at_ms=now_ms(), polled_ms=now_ms() - 45_000)
    do_note_sightings("a", [late], now=now_ms())
    assert by_contact() == {"overdue": [DEVICE], "never_seen": [FOREIGN]}
    gone = Absent(device=DeviceId(DEVICE), at_ms=now_ms(), polled_ms=late.polled_ms)
    do_note_sightings("a", [gone], now=now_ms())
    assert by_contact() == {"offline": [DEVICE], "never_seen": [FOREIGN]}
    assert Api("Alex").get(f"/devices/{DEVICE}").json()["presence"]["polled_ms"] == late.polled_ms


def test_a_lost_relay_leaves_its_devices_neither_online_nor_offline():
    heard = now_ms() - RELAY_LOST_MS
    Relay.objects.filter(pk="a").update(seen_ms=heard)
    assert by_contact() == {"relay_lost": [DEVICE], "never_seen": [FOREIGN]}
    (lost, fine) = Api("Alex").get("/relays").json()
    assert (lost["name"], lost["lost"], lost["seen_ms"]) == ("a", True, heard)
    assert (fine["name"], fine["lost"], fine["clock_off"]) == ("b", False, False)


def test_a_filter_of_no_contact_is_refused():
    assert Api("Alex").get("/devices", contact="soon").status_code == 422
