"""The page of relays: pins with what they change, and taking a relay out of service."""

import pytest

from bedside.console.devices.models import RelayPin
from bedside.console.devices.queries import device_facts
from bedside.console.journal.actions import now_ms
from bedside.console.relays.models import Relay
from bedside.console.relays.queries import relays
from tests.console.pages.reader import Reader, confirm, words
from tests.console.world import DEVICE, actions_of

pytestmark = pytest.mark.usefixtures("fleet")
SITE = {"scope": "site", "subject": "notre-dame", "first": "b", "second": "a", "third": ""}


def names() -> list[str]:
    return [each.name for each in relays()]


def test_a_pin_is_seen_with_what_it_changes_before_it_holds():
    alex = Reader("Alex")
    shown = alex.post("/relays/", **SITE, preview="1")
    assert shown.status_code == 200
    assert "1 device goes to relay “b” first" in words(shown)
    assert not RelayPin.objects.exists()
    assert alex.post("/relays/", **SITE, apply="1")["Location"] == "/relays/"
    assert device_facts(DEVICE).preferred == ("b", "a")
    page = alex.text("/relays/")
    assert "notre-dame b, a 1" in page
    assert actions_of(action="relay:pin:changed") == ["relay:pin:changed"]
    alex.post(f"/relays/pins/{RelayPin.objects.get().pk}/remove/")
    assert device_facts(DEVICE).preferred == ()
    assert "Nothing is pinned" in alex.text("/relays/")
    assert len(actions_of(action="relay:pin:changed")) == 2


def test_a_relay_that_is_about_to_stop_is_shown_as_that():
    Relay.objects.filter(pk="a").update(seen_ms=now_ms(), draining_until_ms=now_ms() + 60_000)
    assert "About to stop" in Reader("Alex").text("/relays/")
    assert "Bientôt arrêté" in Reader("Alex", "fr").text("/relays/")


def test_a_device_is_counted_where_its_narrowest_pin_is():
    alex = Reader("Alex")
    country = {"scope": "country", "subject": " ca ", "first": "a"}
    assert "1 device goes to relay “a” first" in words(
        alex.post("/relays/", **country, preview="1")
    )
    alex.post("/relays/", **country, apply="1")
    assert alex.post("/relays/", **SITE, apply="1").status_code == 302
    alex.post("/relays/", scope="device", subject=DEVICE, first="a", apply="1")
    page = alex.text("/relays/")
    assert f"{DEVICE} a 1" in page
    assert "notre-dame b, a 0" in page
    assert "CA a 0" in page


@pytest.mark.parametrize(
    "wrong",
    [{"subject": "nowhere"}, {"subject": ""}, {"subject": "x\u202ey"}, {"first": ""},
     {"first": "z"}, {"second": "b"}, {"scope": "planet"}],
)  # fmt: skip
def test_what_cannot_be_pinned_is_said(wrong):
    answer = Reader("Alex").post("/relays/", **{**SITE, "apply": "1", **wrong})
    assert answer.status_code == 400
    assert "errorlist" in answer.content.decode()
    assert not RelayPin.objects.exists()


def test_only_an_administrator_who_has_confirmed_pins_and_retires():
    marie = Reader("Marie", "fr")
    page = marie.text("/relays/")
    assert "Relais" in page
    assert "Épingler" not in page
    for path, fields in (("/relays/", SITE), ("/relays/b/retire/", {})):
        assert marie.post(path, **fields, apply="1").status_code == 403
    assert Reader("Julie").get("/relays/").status_code == 403
    assert Reader("Julie").get("/relays/b/retire/").status_code == 404
    alex = Reader("Alex")
    alex.post("/relays/", **SITE, apply="1")
    remove = f"/relays/pins/{RelayPin.objects.get().pk}/remove/"
    assert marie.post(remove).status_code == 403
    confirm(alex.client, "Alex", at=0)
    assert "confirm first who you are" in alex.text("/relays/")
    for path in ("/relays/", remove, "/relays/b/retire/"):
        answer = alex.post(path, **SITE, apply="1", reason="x", confirm="b")
        assert answer["Location"].startswith("/account/reauthenticate/"), path
    assert RelayPin.objects.count() == 1
    assert names() == ["a", "b"]


def test_a_relay_is_retired_by_whoever_types_its_name():
    alex = Reader("Alex")
    alex.post("/relays/", **SITE, apply="1")
    page = alex.text("/relays/b/retire/")
    assert "1 pin names it" in page
    assert "Type “b” to confirm" in page
    for wrong in ({"confirm": "a"}, {"reason": ""}):
        told = {"reason": "Replaced", "confirm": "b", **wrong}
        assert alex.post("/relays/b/retire/", **told).status_code == 400
    assert names() == ["a", "b"]
    assert alex.post("/relays/b/retire/", reason="Replaced", confirm="b").status_code == 302
    assert names() == ["a"]
    assert "Retired Relay Since b" in alex.text("/relays/")
    assert alex.get("/relays/b/retire/").status_code == 404
    assert "It is the only relay" in alex.text("/relays/a/retire/")
    last = alex.post("/relays/a/retire/", reason="x", confirm="a", despite_devices="on")
    assert last.status_code == 409
    assert names() == ["a"]


def test_a_relay_that_devices_poll_asks_for_one_word_more():
    alex = Reader("Alex", "fr")
    page = alex.text("/relays/a/retire/")
    assert "Retirer le relais « a »" in page
    assert "Tapez « a » pour confirmer" in page
    assert "1 appareil l’interroge" in page
    assert "Arrêtez-le d’abord pour que l’appareil passe à un autre" in page
    assert "il trouve lui-même un autre relais" in page
    assert not {"ils", "appareils"} & set(page.partition("Retirer le relais")[2].split())
    told = {"reason": "Remplacé", "confirm": "a"}
    assert alex.post("/relays/a/retire/", **told).status_code == 400
    assert alex.post("/relays/a/retire/", **told, despite_devices="on").status_code == 302
    assert names() == ["b"]
