import pytest
from django.utils import translation

from bedside.console.health.judge import judge
from bedside.console.health.queries import Outbox, RelaySeen
from bedside.console.health.words import area_name, say, span
from bedside.pki.keystore import KeyName
from tests.console.health.readings import DAY_MS, MINUTE_MS, NOW, reading


def bad(**changes):
    return [
        (each.area, say(each)) for each in judge(reading(**changes), now_ms=NOW) if not each.good
    ]


def test_where_all_is_well_nothing_needs_a_person():
    assert bad() == []


@pytest.mark.parametrize(
    ("changes", "area", "words"),
    [
        (
            {"unapplied": ("a.0002", "b.0001")},
            "migrations",
            "2 to apply. Run: bedside console migr",
        ),
        ({"missing_keys": ("order", "report")}, "keys", "Cannot be read: order, report."),
        (
            {"missing_keys": tuple(each.value for each in KeyName)},
            "keys",
            "missing in /var/lib/bedside-console are checkpoint",
        ),
        ({"keys_are_foreign": True}, "keys", "are another console's"),
        ({"certificates": {"root": NOW + 89 * DAY_MS}}, "certificates", "the root: days left: 89."),
        ({"certificates": {"live": NOW + 6 * DAY_MS}}, "certificates", "Restart live"),
        ({"certificates": {"relay b": NOW + 1}}, "certificates", "relay b: days left: 0. Renew it"),
        (
            {"certificates": {"relay b": NOW}},
            "certificates",
            "relay b: it has run out, and devices",
        ),
        ({"certificates": {"live": 0}}, "certificates", "live: cannot be read."),
        ({"processes": {"worker": None}}, "processes", "worker does not run: start it."),
        ({"processes": {"web": NOW - 2 * MINUTE_MS}}, "processes", "silent for 2 min"),
        ({"admin_off": ("web (h1)",)}, "processes", "web (h1) serves without its admin address"),
        ({"traces_off": True}, "processes", "The packages of [tracing] are missing"),
        ({"relays": ()}, "relays", "add-relay"),
        ({"relays": (RelaySeen("a", None, 0),)}, "relays", "a has never asked: start it."),
        ({"relays": (RelaySeen("a", NOW - 3 * MINUTE_MS, 9),)}, "relays", "silent for 3 min"),
        (
            {"relays": (RelaySeen("a", NOW - 31_000, 9, refused_ms=NOW),)},
            "relays",
            "a is refused: what it sends is signed by another key",
        ),
        ({"relays": (RelaySeen("a", None, 0, refused_ms=NOW),)}, "relays", "a is refused"),
        (
            {"relays": (RelaySeen("a", NOW - 5 * MINUTE_MS, 9, refused_ms=NOW - 4 * MINUTE_MS),)},
            "relays",
            "silent for 5 min",
        ),
        (
            {"relays": (RelaySeen("a", NOW, 9, 300_000),)},
            "relays",
            "a: its clock is 5 min ahead of the console's: set it right.",
        ),
        ({"relays": (RelaySeen("a", NOW, 9, -5_000),)}, "relays", "is 5 s behind the console's"),
        (
            {"relays": (RelaySeen("a", NOW - 3 * MINUTE_MS, 0, drains=True),)},
            "relays",
            "a was stopped as planned 3 min ago, and has not come back: start it.",
        ),
        ({"unsealed_since_ms": NOW - 5 * MINUTE_MS}, "journal", "waited for their seal for 5 min"),
        ({"outbox": Outbox(4, NOW - 120 * MINUTE_MS, 0)}, "outbox", "have waited for 2 h"),
        ({"outbox": Outbox(0, None, 7)}, "outbox", "given up: 7. See the page of notices."),
        ({"alarms": 2}, "alarms", "Open: 2. See the page of alarms."),
        ({"conflicts": 1}, "devices", "contradict what the console has of them: 1."),
    ],
)
def test_one_thing_that_is_not_well_is_named_with_what_to_do(changes, area, words):
    ((found, said),) = bad(**changes)
    assert found == area
    assert words in said


@pytest.mark.parametrize(
    "changes",
    [
        {"certificates": {"root": NOW + 90 * DAY_MS, "live": NOW + 7 * DAY_MS}},
        {"processes": {"web": NOW - MINUTE_MS}},
        {"relays": (RelaySeen("a", NOW - 74_999, 0, 4_999),)},
        {"unsealed": 12, "unsealed_since_ms": NOW - MINUTE_MS},
        {"sealed_ms": None, "sealed": 0},
        {"outbox": Outbox(3, NOW - 60 * MINUTE_MS, 0)},
        {"online": 0, "silent": 900, "unseen": 900},
    ],
)
def test_at_the_limit_all_is_still_well(changes):
    assert bad(**changes) == []


def test_what_is_well_is_said_with_its_figures():
    said = {each.area: say(each) for each in judge(reading(), now_ms=NOW)}
    assert said["journal"] == "Sealed: 100; waiting: 0; last checkpoint 1 h ago."
    assert said["sessions"] == "Open: 3; somebody is in: 2."
    assert said["devices"] == "Polling: 12; overdue: 2; silent: 3; never seen: 1."
    assert said["relays"] == "a asked 20 s ago; devices that poll there: 12."


def test_devices_of_a_lost_relay_are_said_apart():
    (found,) = bad(online=0, overdue=0, relay_lost=12)
    assert found == ("devices", "Relay lost, so that nobody knows whether they poll: 12.")


def test_a_relay_that_drains_is_said_and_needs_nobody():
    drains = judge(reading(relays=(RelaySeen("a", NOW, 9, drains=True),)), now_ms=NOW)
    said = {each.area: (each.good, say(each)) for each in drains}
    words = "a is about to stop, as planned; devices that still poll there: 9."
    assert said["relays"] == (True, words)


def test_it_is_said_in_french_too():
    with translation.override("fr"):
        said = {each.area: say(each) for each in judge(reading(), now_ms=NOW)}
        assert area_name("relays") == "relais"
        assert said["devices"] == "En ligne : 12; en retard : 2; silencieux : 3; jamais vus : 1."
        assert span(3 * DAY_MS) == "3 j"
    assert (span(3 * DAY_MS), span(61_000), span(0)) == ("3 d", "1 min", "0 s")


def test_a_stranger_in_the_name_of_a_relay_that_is_heard_is_no_alarm():
    assert bad(relays=(RelaySeen("a", NOW - 20_000, 9, refused_ms=NOW),)) == []
