"""A session does not outlive what it was granted by: account, role, right, level, country."""

import json
from dataclasses import replace

import pytest

from bedside.console.access.actions import do_save_product_right, do_save_start_rules
from bedside.console.access.models import ProductRight
from bedside.console.accounts.actions import PersonDetails, do_change_person, do_close_account
from bedside.console.devices.models import Product
from bedside.console.journal.models import JournalRow
from bedside.console.relays.models import DeviceMessage, FeedEvent
from bedside.policy.facts import DEFAULT_START_RULES, Interval
from bedside.vocabulary import Level, MessageKind, Role
from tests.console.service_sessions.news import live, requested
from tests.console.world import person

pytestmark = pytest.mark.usefixtures("fleet")

DAY_MS = 86_400_000


def stated(**changes) -> PersonDetails:
    marie = person("Marie")
    known = PersonDetails(
        name=marie.name,
        organisation=marie.organisation_id,
        role=Role(marie.role),
        level=Level(marie.level),
        country=marie.country,
        vetted_on=marie.vetted_on,
        language=marie.language,
    )
    return replace(known, **changes)


def change(**changes) -> None:
    do_change_person(person("Marie"), stated(**changes), acting_user=person("Alex"))


def close() -> None:
    do_close_account(person("Marie"), reason="parental leave", acting_user=person("Alex"))


def train(start_ms: int = 0, end_ms: int | None = None) -> None:
    product = Product.objects.get(pk="contrast-injector")
    right = Interval(start_ms, end_ms)
    do_save_product_right(person("Marie"), product, right, acting_user=person("Alex"))


def rule_out() -> None:
    rules = [rule for rule in DEFAULT_START_RULES if rule.level is not Level.TWO]
    do_save_start_rules(rules, acting_user=person("Alex"))


LOST = [
    (close, "account"),
    (lambda: change(role=None), "role"),
    (lambda: change(role=Role.AUDITOR), "role"),
    (lambda: train(0, DAY_MS), "product_right"),
    (rule_out, "level"),
    (lambda: change(country="CA"), "country"),
]


@pytest.mark.parametrize(("lose", "gate"), LOST)
@pytest.mark.parametrize("reached", [live, lambda session: session])
def test_whoever_loses_the_ground_loses_the_session(lose, gate, reached):
    session = reached(requested())
    lose()
    session.refresh_from_db()
    assert (session.state, session.ending, session.gate) == ("ended", "revoked", gate)
    entry = json.loads(JournalRow.objects.filter(action="session:life:ended").get().entry)
    assert (entry["actor"]["name"], entry["gate"], entry["detail"]["ending"]) == (
        "Alex Martin",
        gate,
        "revoked",
    )


def test_the_device_and_its_relay_are_told_at_once():
    session = live(requested())
    close()
    told = DeviceMessage.objects.filter(session=session.pk, kind=MessageKind.WITHDRAWAL)
    assert told.count() == 1
    assert FeedEvent.objects.filter(kind="tunnel_ended", key=session.pk).exists()


def test_what_takes_nothing_away_ends_nothing():
    session = live(requested())
    change(name="Marie Tremblay-Roy", language="en")
    train(DAY_MS)
    do_save_start_rules(DEFAULT_START_RULES, acting_user=person("Alex"))
    session.refresh_from_db()
    assert session.state == "live_control"


def test_another_persons_loss_ends_nothing_of_mine():
    session = live(requested())
    sam = person("Sam")
    do_close_account(sam, reason="parental leave", acting_user=person("Alex"))
    session.refresh_from_db()
    assert session.state == "live_control"


def test_a_right_to_another_product_is_not_this_ones():
    session = live(requested())
    product = Product.objects.get(pk="workstation")
    do_save_product_right(person("Marie"), product, Interval(0, DAY_MS), acting_user=person("Alex"))
    session.refresh_from_db()
    assert session.state == "live_control"
    assert ProductRight.objects.filter(person=person("Marie")).count() == 2
