import contextlib
import time

import pytest

from bedside.console.health.beat import Beat
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from bedside.console.journal.queries import log_status
from bedside.console.live.clockwork import Clockwork, Duty
from bedside.console.relays.models import DeviceMessage, Relay
from bedside.console.relays.queries import presence
from bedside.console.wake import listen
from bedside.protocol.presence import RELAY_LOST_MS
from bedside.vocabulary import Contact
from tests.console.live.world import ask_for_session, turn
from tests.console.world import DEVICE

pytestmark = pytest.mark.django_db
MINUTE = 60_000
HOUR = 60 * MINUTE


@contextlib.contextmanager
def worker(name):
    waker = listen(name)
    clockwork = Clockwork(waker)
    try:
        yield clockwork
    finally:
        clockwork._drop()
        clockwork._turn.close()
        waker.close()


@pytest.fixture
def clockwork(fleet):
    with worker("worker-test") as clockwork:
        clockwork._hearing.since_ms = 0  # at work for long
        yield clockwork


def go_on(clockwork, now, *, clock_ms, for_ms, live=True):
    """Let a worker do well for so long, and `live` beside it or not."""
    for passed in range(0, for_ms + 1, 5_000):
        if live:
            Beat("live")._say(now + passed)
        clockwork.turn(now + passed, clock_ms=clock_ms + passed)


def test_one_turn_seals_what_waits(clockwork):
    assert log_status().unsealed
    turn(clockwork, now_ms())
    assert log_status().unsealed == 0


def test_an_unanswered_request_ends_and_its_order_expires(clockwork):
    session = ask_for_session()
    turn(clockwork, now_ms())
    session.refresh_from_db()
    assert session.state != "ended"
    turn(clockwork, session.answer_by_ms + MINUTE)
    session.refresh_from_db()
    assert (session.state, session.ending) == ("ended", "unanswered")
    orders = DeviceMessage.objects.filter(kind="order")
    assert [order.delivered for order in orders if order.closed_ms is None] == []


@pytest.mark.parametrize("lost", [False, True])
def test_what_waits_at_a_silent_relay_ends_and_its_devices_are_not_called_offline(clockwork, lost):
    now = now_ms()
    session = ask_for_session()
    Relay.objects.filter(pk="a").update(seen_ms=now - RELAY_LOST_MS + (0 if lost else MINUTE))
    turn(clockwork, now)
    assert presence(DEVICE).contact is (Contact.RELAY_LOST if lost else Contact.ONLINE)
    session.refresh_from_db()
    assert session.ending == ("device_lost" if lost else "")


def test_a_console_that_has_just_come_to_work_ends_nothing_for_a_relay_that_was_not_heard(
    clockwork,
):
    session = ask_for_session()
    Relay.objects.filter(pk="a").update(seen_ms=now_ms() - HOUR)
    clockwork._hearing.since_ms = now_ms()
    turn(clockwork, now_ms())
    session.refresh_from_db()
    assert session.ending == ""


@pytest.mark.parametrize("passed_ms", [90_000, 100], ids=["frozen", "asleep, or set ahead"])
def test_a_console_that_stood_still_gives_its_relays_time_to_be_heard(clockwork, passed_ms):
    now = now_ms()
    session = ask_for_session()
    Relay.objects.filter(pk="a").update(seen_ms=now)
    clockwork.turn(now, clock_ms=5_000)
    back = now + 90_000
    go_on(clockwork, back, clock_ms=5_000 + passed_ms, for_ms=MINUTE)
    session.refresh_from_db()
    assert (session.ending, Relay.objects.get(pk="a").lost_ms) == ("", None)
    go_on(clockwork, back + MINUTE, clock_ms=5_000 + passed_ms + MINUTE, for_ms=30_000)
    session.refresh_from_db()
    assert session.ending == "device_lost"


@pytest.mark.parametrize("live", [True, False])
def test_nobody_is_lost_while_no_live_is_there_to_hear_anybody(clockwork, live):
    now = now_ms()
    session = ask_for_session()
    Relay.objects.filter(pk="a").update(seen_ms=now)
    go_on(clockwork, now, clock_ms=5_000, for_ms=0)
    go_on(clockwork, now, clock_ms=5_000, for_ms=90_000, live=live)
    session.refresh_from_db()
    assert session.ending == ("device_lost" if live else "")
    # It is back, and does not hear this relay.
    go_on(clockwork, now + 95_000, clock_ms=100_000, for_ms=MINUTE)
    session.refresh_from_db()
    assert session.ending == ("device_lost" if live else "")
    go_on(clockwork, now + 160_000, clock_ms=165_000, for_ms=30_000)
    session.refresh_from_db()
    assert session.ending == "device_lost"


def test_a_worker_that_follows_knows_of_a_live_that_was_away(clockwork):
    now = now_ms()
    turn(clockwork, now)
    with worker("worker-second") as second:
        second._hearing.since_ms = 0
        go_on(second, now, clock_ms=5_000, for_ms=MINUTE, live=False)
        assert second._standing_by
        assert second._hearing.since_ms == now + MINUTE


def test_a_relay_that_was_lost_before_the_console_stood_still_is_not_called_back(clockwork):
    now = now_ms()
    Relay.objects.filter(pk="a").update(seen_ms=now - RELAY_LOST_MS)
    turn(clockwork, now)
    turn(clockwork, now + MINUTE)
    told = JournalRow.objects.filter(action__startswith="relay:contact")
    assert list(told.values_list("action", flat=True)) == ["relay:contact:lost"]


def test_a_relay_that_is_lost_and_comes_back_is_said_once_each(clockwork):
    now = now_ms()
    Relay.objects.filter(pk="a").update(seen_ms=now - RELAY_LOST_MS)
    for number in range(3):
        turn(clockwork, now + number * MINUTE)
    Relay.objects.filter(pk="a").update(seen_ms=now + 3 * MINUTE, offset_ms=300_000)
    for number in range(3, 6):
        turn(clockwork, now + number * 16_000 + 2 * MINUTE)
    told = JournalRow.objects.filter(action__startswith="relay:c").order_by("pk")
    assert list(told.values_list("action", flat=True)) == [
        "relay:contact:lost",
        "relay:contact:restored",
        "relay:clock:changed",
    ]


def test_a_duty_that_fails_keeps_no_other_from_its_work(clockwork, caplog):
    def fail(_now: int) -> None:
        raise OSError("no space left on device")

    done: list[int] = []
    clockwork._duties = [Duty("broken", 10, fail), Duty("sound", 10, done.append)]
    for now in (1_000, 1_005, 1_010):
        turn(clockwork, now)
    assert done == [1_000, 1_010]
    assert caplog.text.count("broken") == 2


def test_a_clock_that_is_set_back_keeps_no_duty_from_its_turn(clockwork):
    done: list[int] = []
    clockwork._duties = [Duty("sound", 1_000, done.append)]
    now = now_ms()
    clockwork.turn(now, clock_ms=5_000)
    clockwork.turn(now - HOUR + 500, clock_ms=5_500)
    clockwork.turn(now - HOUR + 1_000, clock_ms=6_000)
    assert done == [now, now - HOUR + 1_000]


def test_a_clock_that_is_set_ahead_brings_no_duty_before_its_turn(clockwork):
    done: list[int] = []
    clockwork._duties = [Duty("sound", 1_000, done.append)]
    now = now_ms()
    clockwork.turn(now, clock_ms=5_000)
    clockwork.turn(now + HOUR, clock_ms=5_500)
    assert done == [now]


def test_a_worker_that_stands_by_takes_over_after_its_clock_was_set_back(clockwork):
    now = now_ms()
    turn(clockwork, now)
    with worker("worker-second") as second:
        second.turn(now, clock_ms=5_000)
        assert second._standing_by
        ask_for_session()
        clockwork._drop()
        clockwork._turn.close()
        second.turn(now - HOUR, clock_ms=6_999)
        assert log_status().unsealed
        clock_ms = 7_000
        while log_status().unsealed:
            # PostgreSQL takes a moment to see that the first has gone.
            assert clock_ms < 120_000
            second.turn(now - HOUR, clock_ms=clock_ms)
            clock_ms += 2_000
            time.sleep(0.1)


def test_a_full_disk_while_sealing_is_taken_up_again(clockwork):
    turn(clockwork, now_ms())
    ask_for_session()
    sequencer = clockwork._sequencer
    tiles = sequencer._folder / "tile"
    for file in sorted(tiles.rglob("*.p")):
        file.rename(file.with_suffix(".away"))
        file.write_text("a file where a folder must be")
    turn(clockwork, now_ms() + 1_000)
    assert clockwork._sequencer is None
    assert log_status().unsealed == 0  # places are given; the tiles are owed
    for file in sorted(tiles.rglob("*.away")):
        file.with_suffix(".p").unlink()
        file.rename(file.with_suffix(".p"))
    turn(clockwork, now_ms() + 2_000)
    status = log_status()
    assert status.size == clockwork._sequencer._tree.size
    assert status.size > 20
