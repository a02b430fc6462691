"""A relay is retired by whoever may: command line, API, and what comes with it."""

from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from bedside.audit.entry import SYSTEM
from bedside.console.accounts.models import SupportContact
from bedside.console.devices.actions import do_pin_to_relays, do_send_due_configurations
from bedside.console.devices.models import RelayPin
from bedside.console.devices.queries import device_facts
from bedside.console.health.queries import certificate_ends, read
from bedside.console.journal.actions import now_ms
from bedside.console.live.relay_folder import RelayPlace, RelayRefusedError, do_make_relay_folder
from bedside.console.monitoring.actions import do_watch_silence
from bedside.console.monitoring.models import Alarm
from bedside.console.monitoring.retirement import Retirement, access_relay, do_retire_relay
from bedside.console.notices.models import Notice
from bedside.console.project.world import WorldError, apply_world
from bedside.console.relays.models import DeviceMessage, DevicePresence, Relay, RevokedCertificate
from bedside.protocol.shapes import Relay as Address
from bedside.vocabulary import Permission, RelayName
from tests.console.service_sessions.news import requested
from tests.console.world import DEVICE, Api, actions_of, empowered, person, stale

pytestmark = pytest.mark.usefixtures("fleet")
WHY = "Replaced by eu-3"


def retire(name="b", **more):
    return do_retire_relay(name, reason=WHY, acting_user=person("Alex"), **more)


def make(name, folder):
    address = Address(
        name=RelayName(name), host="192.0.2.9", server_name=f"{name}.example", ports=(443,)
    )
    place = RelayPlace(address, ("0.0.0.0:443",))
    return do_make_relay_folder(place, folder / "relays" / name, actor=SYSTEM, now=now_ms())


def test_pins_go_on_without_it_and_the_fleet_gets_its_list_anew():
    alex, scope = person("Alex"), RelayPin.Scope
    do_pin_to_relays(scope.DEVICE, DEVICE, ["b"], acting_user=alex)
    do_pin_to_relays(scope.SITE, "notre-dame", ["b", "a"], acting_user=alex)
    do_send_due_configurations(now=now_ms())
    assert access_relay(alex, "b") == Retirement(devices=0, pins=2, last=False)
    retire()
    assert [(pin.scope, pin.relays) for pin in RelayPin.objects.all()] == [("site", ["a"])]
    assert device_facts(DEVICE).preferred == ("a",)
    assert len(actions_of(action="relay:pin:changed")) == 4
    assert do_send_due_configurations(now=now_ms()) == 1
    assert DeviceMessage.objects.filter(kind="configuration", closed_ms=None).count() == 1


def test_what_waits_for_a_device_that_polled_it_ends():
    session = requested()
    with pytest.raises(ValidationError) as refused:
        retire("a")
    assert "1 device polls it" in refused.value.messages[0]
    session.refresh_from_db()
    assert session.state != "ended"
    assert retire("a", despite_devices=True) == 1
    session.refresh_from_db()
    assert (session.state, session.ending) == ("ended", "device_lost")


def test_the_silence_of_a_device_that_polled_it_begins_when_it_is_retired():
    now = now_ms()
    DevicePresence.objects.filter(pk=DEVICE).update(polled_ms=now - 3_600_000)
    retire("a", despite_devices=True)
    for minutes, alarms in ((14, 0), (16, 1)):
        do_watch_silence(now=now + minutes * 60_000, awake_ms=0)
        assert Alarm.objects.filter(target=DEVICE).count() == alarms


def test_an_alarm_about_it_is_over_and_says_why():
    SupportContact.objects.create(
        organisation_id="bayard-imaging",
        country="US",
        name="Support",
        telephone="+1 555 0100",
        email="help@bayard.example",
    )
    Relay.objects.filter(pk="b").update(seen_ms=now_ms() - 600_000)
    do_watch_silence(now=now_ms(), awake_ms=0)
    assert Alarm.objects.get(cleared_ms=None).target == "b"
    retire()
    assert not Alarm.objects.filter(cleared_ms=None).exists()
    assert Alarm.objects.get().target == "b"
    told = Notice.objects.filter(event="alarm.cleared").values_list("subject", flat=True)
    assert list(told) == ["Relay “b” is retired"]
    do_watch_silence(now=now_ms() + 600_000, awake_ms=0)
    assert not Alarm.objects.filter(cleared_ms=None).exists()


def test_a_relay_of_the_console_s_own_making_is_revoked_and_its_name_is_not_used_again(
    tmp_path, settings
):
    settings.BEDSIDE_DATA_DIR = tmp_path / "data"
    make("c", tmp_path / "data")
    make("c", tmp_path / "data")
    assert "relay c" in certificate_ends()
    retire("c")
    assert RevokedCertificate.objects.count() == 2
    assert "relay c" not in certificate_ends()
    assert "c" not in {relay.name for relay in read().relays}
    with pytest.raises(RelayRefusedError, match="retired"):
        make("c", tmp_path / "data")
    with pytest.raises(CommandError, match="another name"):
        call_command("add_relay", "c", host="192.0.2.9", server_name="c.example")
    with pytest.raises(WorldError):
        apply_world(b'[[relay_pins]]\ncountry = "CA"\nrelays = ["c"]', acting_user=SYSTEM)


def test_a_relay_that_is_added_is_told_to_the_fleet_and_one_that_is_renewed_is_not(
    tmp_path, settings
):
    do_send_due_configurations(now=now_ms())
    make("c", tmp_path)
    assert do_send_due_configurations(now=now_ms()) == 1
    make("c", tmp_path)
    assert do_send_due_configurations(now=now_ms()) == 0


def test_the_command_says_what_keeps_it_and_what_it_did():
    with pytest.raises(CommandError, match=r"1 device polls it.*--despite-devices"):
        call_command("retire_relay", "a", reason=WHY)
    with pytest.raises(CommandError, match="no relay z"):
        call_command("retire_relay", "z", reason=WHY)
    said = StringIO()
    call_command("retire_relay", "a", reason=WHY, despite_devices=True, stdout=said)
    assert said.getvalue() == "Relay a is retired; devices that polled it: 1.\n"
    with pytest.raises(CommandError, match="the only relay"):
        call_command("retire_relay", "b", reason=WHY, despite_devices=True)
    assert not DevicePresence.objects.filter(online=True).exists()


def test_the_api_does_it_for_a_token_that_names_it():
    body = {"reason": WHY}
    named = empowered("Alex", Permission.DEVICES_DEVICE_READ, Permission.RELAYS_RELAY_MANAGE)
    assert Api("Marie").post("/relays/b/retire", body).status_code == 403
    assert Api("Julie").post("/relays/b/retire", body).status_code == 404
    assert stale("Alex").post("/relays/b/retire", body).json()["code"] == "confirmation_needed"
    assert named.post("/relays/z/retire", body).status_code == 404
    assert named.post("/relays/b/retire", {"reason": ""}).status_code == 422
    assert named.post("/relays/a/retire", body).status_code == 422
    assert named.post("/relays/b/retire", body).status_code == 204
    assert named.post("/relays/b/retire", body).status_code == 404
    answer = named.post("/relays/a/retire", {**body, "despite_devices": True})
    assert answer.status_code == 422
    assert "the only relay" in answer.content.decode()
    assert [each["name"] for each in Api("Marie").get("/relays").json()] == ["a"]
