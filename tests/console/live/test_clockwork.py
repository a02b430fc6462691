import pytest

from bedside.console.journal.actions import now_ms
from bedside.console.journal.queries import log_status
from bedside.console.live.clockwork import Clockwork, Duty
from bedside.console.relays.models import DeviceMessage, DevicePresence, Relay
from bedside.console.relays.queries import presence
from bedside.console.wake import listen
from tests.console.live.world import ask_for_session
from tests.console.world import DEVICE

pytestmark = pytest.mark.django_db
MINUTE = 60_000


@pytest.fixture
def clockwork(fleet):
    waker = listen("worker-test")
    clockwork = Clockwork(waker)
    yield clockwork
    clockwork._drop()
    waker.close()


def test_one_turn_seals_what_waits(clockwork):
    assert log_status().unsealed
    clockwork.turn(now_ms())
    assert log_status().unsealed == 0


def test_an_unanswered_request_ends_and_its_order_expires(clockwork):
    session = ask_for_session()
    clockwork.turn(now_ms())
    session.refresh_from_db()
    assert session.state != "ended"
    clockwork.turn(session.answer_by_ms + MINUTE)
    session.refresh_from_db()
    assert (session.state, session.ending) == ("ended", "unanswered")
    orders = DeviceMessage.objects.filter(kind="order")
    assert [order.delivered for order in orders if order.closed_ms is None] == []


@pytest.mark.parametrize(("silent_ms", "online"), [(MINUTE, True), (2 * MINUTE, False)])
def test_the_devices_of_a_silent_relay_are_lost_there(clockwork, silent_ms, online):
    now = now_ms()
    DevicePresence.objects.update(at_ms=now - 10 * MINUTE)
    Relay.objects.update(seen_ms=now - silent_ms)
    session = ask_for_session()
    clockwork.turn(now)
    assert presence(DEVICE).online is online
    session.refresh_from_db()
    assert session.ending == ("" if online else "device_lost")


def test_a_duty_that_fails_keeps_no_other_from_its_work(clockwork, caplog):
    def fail(_now: int) -> None:
        raise OSError("no space left on device")

    done: list[int] = []
    clockwork._duties = [Duty("broken", 10, fail), Duty("sound", 10, done.append)]
    for now in (1_000, 1_005, 1_010):
        clockwork.turn(now)
    assert done == [1_000, 1_010]
    assert caplog.text.count("broken") == 2


def test_a_full_disk_while_sealing_is_taken_up_again(clockwork):
    clockwork.turn(now_ms())
    ask_for_session()
    sequencer = clockwork._sequencer
    tiles = sequencer._folder / "tile"
    for file in sorted(tiles.rglob("*.p")):
        file.rename(file.with_suffix(".away"))
        file.write_text("a file where a folder must be")
    clockwork.turn(now_ms() + 1_000)
    assert clockwork._sequencer is None
    assert log_status().unsealed == 0  # places are given; the tiles are owed
    for file in sorted(tiles.rglob("*.away")):
        file.with_suffix(".p").unlink()
        file.rename(file.with_suffix(".p"))
    clockwork.turn(now_ms() + 2_000)
    status = log_status()
    assert status.size == clockwork._sequencer._tree.size
    assert status.size > 20
