from dataclasses import replace

import pytest
from django.core.exceptions import ValidationError
from django.http import Http404

from bedside.console.accounts.models import Organisation, SupportContact
from bedside.console.devices.models import Device, Product
from bedside.console.journal.actions import now_ms
from bedside.console.live.sightings import do_apply_sightings
from bedside.console.monitoring.actions import (
    LONGEST_MUTE_MS,
    do_forget_alarms,
    do_mute,
    do_set_rule,
    do_watch_silence,
)
from bedside.console.monitoring.models import Alarm, Mute, SilenceRule
from bedside.console.monitoring.queries import check_may_watch
from bedside.console.notices.models import Notice
from bedside.console.notices.sealing import seal_secret
from bedside.console.relays.models import DevicePresence, Relay
from bedside.console.sites.models import SiteContact, SiteHook
from bedside.protocol.batch import Absent
from bedside.vocabulary import AlarmScope, DeviceId, Permission
from tests.console.pages.reader import Reader
from tests.console.relays.world import seen
from tests.console.world import DEVICE, FOREIGN, Api, actions_of, empowered, person

pytestmark = pytest.mark.usefixtures("fleet")
MINUTE = 60_000


@pytest.fixture(autouse=True)
def readers(fleet):
    site = Organisation.objects.get(pk="notre-dame")
    SiteContact.objects.create(site=site, name="Julie", email="julie@nd.example", language="fr")
    SiteHook.objects.create(
        site=site,
        url="https://siem.nd.example/",
        secret=seal_secret("whsec_x"),
        created_by=person("Julie"),
    )
    maker = Organisation.objects.get(kind="manufacturer")
    SupportContact.objects.update_or_create(
        organisation=maker,
        country="CA",
        defaults={"name": "Support", "telephone": "+1 555 0100", "email": "help@bayard.example"},
    )


def rule(minutes=15, scope=AlarmScope.EVERYTHING, target=""):
    do_set_rule(scope, target, minutes=minutes, acting_user=person("Alex"))


def fall_silent(*devices, minutes=20):
    polled = now_ms() - minutes * MINUTE
    DevicePresence.objects.filter(pk__in=devices).update(at_ms=polled)
    gone = [Absent(device=DeviceId(each), at_ms=now_ms(), polled_ms=polled) for each in devices]
    do_apply_sightings("a", gone, now=now_ms())


def come_back(*devices):
    do_apply_sightings("a", [seen(now_ms(), device=each) for each in devices], now=now_ms())


def watch(awake_ms=0):
    do_watch_silence(now=now_ms(), awake_ms=awake_ms)


def told(address):
    rows = Notice.objects.filter(address=address, event__startswith="alarm.").order_by("id")
    return [(row.event, row.subject) for row in rows]


def open_alarms():
    return list(Alarm.objects.filter(cleared_ms=None).values_list("scope", "target"))


def test_an_alarm_is_raised_once_told_to_each_reader_and_cleared():
    rule()
    fall_silent(DEVICE)
    watch()
    watch()
    assert open_alarms() == [("device", DEVICE)]
    come_back(DEVICE)
    watch()
    assert open_alarms() == []
    assert told("julie@nd.example") == [
        ("alarm.raised", "CI-20417 ne donne plus de nouvelles"),
        ("alarm.cleared", "CI-20417 : l’alarme est levée"),
    ]
    assert told("help@bayard.example") == [
        ("alarm.raised", "CI-20417 does not poll any more"),
        ("alarm.cleared", "CI-20417: no alarm any more"),
    ]
    assert [event for event, _subject in told("https://siem.nd.example/")] == [
        "alarm.raised",
        "alarm.cleared",
    ]
    assert actions_of(action="alarm:silence:raised") == ["alarm:silence:raised"]
    assert actions_of(action="alarm:silence:cleared") == ["alarm:silence:cleared"]


def test_without_a_rule_a_monitored_product_s_device_is_an_alarm_after_a_quarter_of_an_hour():
    fall_silent(DEVICE, minutes=14)
    watch()
    assert open_alarms() == []
    do_watch_silence(now=now_ms() + MINUTE, awake_ms=0)
    assert open_alarms() == [("device", DEVICE)]
    said = Reader("Marie").text("/alarms/")
    assert "After 15 minutes without a poll, where no rule says anything" in said


def test_without_a_rule_nobody_else_is_alarmed():
    Product.objects.update(monitored=False)
    fall_silent(DEVICE)
    watch()
    assert open_alarms() == []


def test_an_installation_turns_the_default_off(settings):
    alarms = replace(settings.CONFIG.alarms, silence_minutes=0)
    settings.CONFIG = replace(settings.CONFIG, alarms=alarms)
    fall_silent(DEVICE)
    watch()
    assert open_alarms() == []


def test_alarms_that_are_over_are_forgotten_after_a_year_and_the_journal_keeps_them():
    rule()
    fall_silent(DEVICE)
    watch()
    come_back(DEVICE)
    watch()
    like = Alarm.objects.get()
    old, day = now_ms() - 366 * 24 * 60 * MINUTE, 24 * 60 * MINUTE
    Alarm.objects.bulk_create(
        Alarm(scope="device", target=f"CI-{number}", since_ms=0, raised_ms=0, cleared_ms=old)
        for number in range(1100)
    )
    Alarm.objects.create(scope="device", target="CI-LASTS", since_ms=0, raised_ms=0)
    assert do_forget_alarms(now=now_ms()) == 1100
    assert set(Alarm.objects.values_list("target", flat=True)) == {DEVICE, "CI-LASTS"}
    assert do_forget_alarms(now=like.cleared_ms + 365 * day) == 0
    assert do_forget_alarms(now=like.cleared_ms + 365 * day + 1) == 1
    assert actions_of(action="alarm:silence:cleared") == ["alarm:silence:cleared"]


def test_a_muted_device_stays_quiet_until_the_mute_ends():
    rule()
    mute = {"reason": "Moved to another room", "until_ms": now_ms() + 60 * MINUTE}
    do_mute(AlarmScope.DEVICE, DEVICE, **mute, acting_user=person("Alex"))
    fall_silent(DEVICE)
    watch()
    assert open_alarms() == []
    do_watch_silence(now=now_ms() + 61 * MINUTE, awake_ms=0)
    assert open_alarms() == [("device", DEVICE)]


def test_a_mute_has_a_reason_and_an_end():
    for reason, until_ms in (("", now_ms() + 1000), ("x", now_ms()), ("x", now_ms() * 2)):
        with pytest.raises(ValidationError):
            do_mute(
                AlarmScope.SITE,
                "notre-dame",
                reason=reason,
                until_ms=until_ms,
                acting_user=person("Alex"),
            )


def test_a_whole_site_is_one_alarm():
    rule()
    like = Device.objects.get(pk=DEVICE)
    names = [f"CI-3000{number}" for number in range(5)]
    for name in names:
        like.pk = name
        like.save(force_insert=True)
    come_back(*names)
    fall_silent(DEVICE, *names)
    watch()
    assert open_alarms() == [("site", "notre-dame")]
    assert told("julie@nd.example") == [
        ("alarm.raised", "Hôpital Notre-Dame : 6 appareils ne donnent plus de nouvelles")
    ]


def test_a_lost_relay_is_one_alarm_and_none_for_its_devices():
    rule(minutes=1)
    Relay.objects.filter(pk="a").update(seen_ms=now_ms() - 6 * MINUTE)
    watch()
    assert open_alarms() == [("relay", "a")]
    assert told("julie@nd.example") == []
    watch(awake_ms=now_ms())
    assert open_alarms() == [("relay", "a")]
    Relay.objects.filter(pk="a").update(seen_ms=now_ms())
    watch()
    assert open_alarms() == []


def test_a_console_that_was_away_itself_gives_its_relays_time_to_be_heard():
    Relay.objects.filter(pk="a").update(seen_ms=now_ms() - 60 * MINUTE)
    watch(awake_ms=now_ms() - 4 * MINUTE)
    assert open_alarms() == []
    watch(awake_ms=now_ms() - 5 * MINUTE)
    assert open_alarms() == [("relay", "a")]


def test_a_site_s_people_rule_over_their_own_only():
    julie = person("Julie")
    check_may_watch(julie, AlarmScope.DEVICE, DEVICE)
    check_may_watch(julie, AlarmScope.SITE, "notre-dame")
    for scope, target in ((AlarmScope.SITE, "st-mary"), (AlarmScope.DEVICE, FOREIGN)):
        with pytest.raises(Http404):
            check_may_watch(julie, scope, target)
    body = {"scope": "everything", "target": "", "minutes": 1}
    assert Api("Julie").post("/alarm-rules", body).status_code == 403
    assert Api("Marie").post("/alarm-rules", body).status_code == 403
    assert Api("Alex").post("/alarm-rules", body).status_code == 201


def test_a_refusal_says_whether_it_is_the_role_the_token_or_the_thing():
    product = {"scope": "product", "target": "injector", "minutes": 1}
    everything = {"scope": "everything", "minutes": 1}
    for body in (product, everything):
        said = Api("Julie").post("/alarm-rules", body).json()["title"]
        assert said.startswith("Your role includes this for what is yours only")
    assert "Your role does not" in Api("Marie").post("/alarm-rules", everything).json()["title"]
    narrow = empowered("Julie", Permission.MONITORING_ALARM_READ)
    assert "the scope of this token" in narrow.post("/alarm-rules", everything).json()["title"]


@pytest.mark.parametrize("name", ["Julie", "Alex"])
def test_what_nobody_mutes_or_rules_on_is_a_wrong_word_whoever_asks(name):
    api, mute = Api(name), {"target": "a", "reason": "x", "until_ms": now_ms() + MINUTE}
    for scope in ("relay", "product", "everything", "nothing"):
        assert api.post("/mutes", mute | {"scope": scope}).status_code == 422
    assert api.post("/alarm-rules", {"scope": "relay", "target": "a"}).status_code == 422


def test_a_mute_that_is_over_before_it_begins_is_told_so():
    body = {"scope": "device", "target": DEVICE, "reason": "x"}
    said = {}
    for name, until_ms in (("past", now_ms()), ("far", now_ms() + LONGEST_MUTE_MS + MINUTE)):
        answer = Api("Alex").post("/mutes", body | {"until_ms": until_ms})
        assert answer.status_code == 422
        said[name] = answer.content.decode()
    assert "This moment is past" in said["past"]
    assert "within 90 days" in said["far"]


def test_the_api_shows_and_changes_what_the_page_does():
    api = Api("Alex")
    rule_id = api.post("/alarm-rules", {"scope": "device", "target": DEVICE, "minutes": 5}).json()[
        "id"
    ]
    fall_silent(DEVICE)
    watch()
    (alarm,) = api.get("/alarms", state="open").json()["items"]
    assert (alarm["scope"], alarm["target"], alarm["site"]) == ("device", DEVICE, "notre-dame")
    assert [each["target"] for each in Api("Julie").get("/alarms").json()["items"]] == [DEVICE]
    body = {"scope": "device", "target": DEVICE, "reason": "x", "until_ms": now_ms() + MINUTE}
    mute = api.post("/mutes", body).json()["id"]
    watch()
    assert api.get("/alarms", state="open").json()["items"] == []
    assert api.post(f"/mutes/{mute}/end", {}).status_code == 204
    assert api.get("/mutes").json()["items"] == []
    watch()
    assert len(api.get("/alarms", state="open").json()["items"]) == 1
    assert api.post(f"/alarm-rules/{rule_id}/remove", {}).status_code == 204
    assert api.get("/alarm-rules").json()["items"] == []


def test_the_device_s_page_says_that_it_is_an_alarm_or_muted():
    rule()
    fall_silent(DEVICE)
    watch()
    said = Reader("Marie", "fr").text(f"/devices/{DEVICE}/")
    assert "Alarme : cet appareil est silencieux" in said
    until_ms = now_ms() + 60 * MINUTE
    do_mute(
        AlarmScope.SITE,
        "notre-dame",
        reason="Travaux",
        until_ms=until_ms,
        acting_user=person("Alex"),
    )
    watch()
    said = Reader("Marie", "fr").text(f"/devices/{DEVICE}/")
    assert "Alarme : cet appareil est silencieux" not in said
    assert "Travaux" in said


def test_a_page_sets_a_rule_and_a_mute_and_takes_them_back():
    julie = Reader("Julie")
    rule_form = {"rule": "1", "rule-scope": "device", "rule-target": DEVICE, "rule-minutes": "5"}
    assert julie.post("/alarms/", **rule_form).status_code == 302
    assert julie.post("/alarms/", **{**rule_form, "rule-target": FOREIGN}).status_code == 400
    mute_form = {
        "mute": "1",
        "mute-scope": "site",
        "mute-target": "notre-dame",
        "mute-reason": "Travaux",
        "mute-hours": "2",
    }
    assert julie.post("/alarms/", **mute_form).status_code == 302
    said = julie.text("/alarms/")
    assert "Travaux" in said
    assert DEVICE in said
    (set_rule,), (mute,) = SilenceRule.objects.all(), Mute.objects.all()
    assert julie.post(f"/alarms/rules/{set_rule.pk}/remove/").status_code == 302
    assert julie.post(f"/alarms/mutes/{mute.pk}/end/").status_code == 302
    said = julie.text("/alarms/")
    assert "Travaux" not in said
