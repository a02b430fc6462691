import pytest

from bedside.console.identifiers import new_ulid
from bedside.console.relays.actions import (
    AssertionTimes,
    do_accept_batch,
    do_expire_messages,
    do_forget_old,
    do_send_message,
    do_use_assertion,
)
from bedside.console.relays.models import Assertion, DeviceMessage
from bedside.console.relays.queries import assertion_key, relay, relays
from bedside.protocol.shapes import parse_message_id
from bedside.vocabulary import MessageKind
from tests.console.relays.world import DEVICE, NOW, add_relays

pytestmark = pytest.mark.django_db
DAY = 24 * 3600 * 1000
SAID = AssertionTimes(issued_ms=NOW, expires_ms=NOW)


def test_a_relay_is_found_by_its_name():
    add_relays("b", "a")
    assert [address.name for address in relays()] == ["a", "b"]
    assert relay("a").ports == (443,)
    assert assertion_key("a") == "PEM"
    assert relay("c") is None
    assert assertion_key("c") is None


def test_a_batch_counts_once_for_each_run_of_a_relay():
    assert do_accept_batch("a", "0" * 32, 0, now=NOW) == (True, 0)
    assert do_accept_batch("a", "0" * 32, 0, now=NOW) == (False, 0)
    assert do_accept_batch("a", "0" * 32, 1, now=NOW) == (True, 1)
    assert do_accept_batch("a", "1" * 32, 0, now=NOW) == (True, 0)
    assert do_accept_batch("b", "0" * 32, 1, now=NOW) == (True, 1)


def test_events_that_we_have_in_part_are_not_taken_again():
    assert do_accept_batch("a", "0" * 32, 5, first=1, now=NOW) == (True, 5)
    assert do_accept_batch("a", "0" * 32, 8, first=1, now=NOW) == (False, 5)
    assert do_accept_batch("a", "0" * 32, 8, first=6, now=NOW) == (True, 8)
    assert do_accept_batch("a", "0" * 32, 5, first=1, now=NOW) == (False, 8)


def test_an_assertion_counts_once():
    assert do_use_assertion("a", "j", key="PEM", said=SAID, now=NOW)
    assert not do_use_assertion("a", "j", key="PEM", said=SAID, now=NOW)
    assert do_use_assertion("b", "j", key="PEM", said=SAID, now=NOW)


def test_what_is_old_is_forgotten_and_what_waits_is_kept():
    do_use_assertion("a", "j", key="PEM", said=SAID, now=NOW)
    do_send_message(DEVICE, MessageKind.ORDER, b"1", expires_ms=NOW + 1, now=NOW)
    do_send_message(DEVICE, MessageKind.ORDER, b"2", expires_ms=NOW + 9 * DAY, now=NOW)
    assert do_expire_messages(now=NOW + 1) == 1
    do_forget_old(now=NOW + 2 * DAY)
    assert not Assertion.objects.exists()
    assert [bytes(row.sealed) for row in DeviceMessage.objects.all()] == [b"2"]


def test_ulids_are_message_ids_and_sort_by_time():
    first, second = new_ulid(NOW), new_ulid(NOW + 1)
    assert parse_message_id(first) < parse_message_id(second)
