from bedside.protocol.batch import Absent, Presence, Report, TunnelOpened
from bedside.protocol.shapes import JournalHead
from bedside.relay.spool import Entry, Outgoing, Spool, SpoolLimits
from bedside.vocabulary import Activity, DeviceId, PollMode, SessionId

DEVICE = DeviceId("CI-20417")
SESSION = SessionId("01JD0000000000000000000000")
NOW, BEFORE, LONG_AGO = "1" * 32, "b" * 32, "a" * 32


def presence(instance="1" * 32, **changes):
    values = {
        "device": DEVICE,
        "instance": instance,
        "at_ms": 1,
        "mode": PollMode.HELD,
        "activity": Activity.IDLE,
        "version": "1.0",
        "configuration": 1,
        "journal": JournalHead(size=1, head="0" * 64),
        "address": "192.0.2.7",
    }
    return Presence(**{**values, **changes})


def opened(index):
    return TunnelOpened(session=SESSION, index=index, at_ms=1)


def spool_of(*events, **limits):
    spool = Spool(SpoolLimits(**limits), NOW)
    for event in events:
        spool.add(event)
    return spool


def test_what_is_owed_is_posted_until_the_console_has_it():
    spool = spool_of()
    assert spool.batch() is None
    spool.add(opened(0))
    first = Outgoing(NOW, 1, 1, (opened(0),))
    assert spool.batch() == first
    assert spool.batch() == first
    spool.acknowledge(NOW, 1)
    assert spool.batch() is None
    spool.add(opened(1))
    assert spool.batch() == Outgoing(NOW, 2, 2, (opened(1),))
    assert len(spool) == 1


def test_what_came_while_an_answer_was_on_its_way_or_lost_is_told_apart_by_numbers():
    spool = spool_of(opened(0), opened(1))
    assert spool.batch() == Outgoing(NOW, 1, 2, (opened(0), opened(1)))
    spool.add(opened(2))
    assert spool.batch() == Outgoing(NOW, 1, 3, (opened(0), opened(1), opened(2)))
    spool.acknowledge(NOW, 2)
    assert spool.batch() == Outgoing(NOW, 3, 3, (opened(2),))


def test_a_word_about_another_run_acknowledges_nothing():
    spool = spool_of(opened(0))
    spool.acknowledge(BEFORE, 9)
    assert len(spool) == 1


def test_a_presence_that_waits_is_replaced_by_its_newer_one():
    spool = spool_of(*(presence(at_ms=at_ms) for at_ms in range(5)), presence("2" * 32, at_ms=9))
    assert spool.batch().events == (presence(at_ms=4), presence("2" * 32, at_ms=9))
    assert spool.size == 2 * Entry(1, NOW, presence()).size


def test_a_presence_that_was_replaced_on_its_way_is_told_again_with_the_newer_number():
    spool = spool_of(presence(at_ms=1))
    assert spool.batch().sequence == 1
    spool.add(presence(at_ms=2))
    spool.acknowledge(NOW, 1)
    assert spool.batch() == Outgoing(NOW, 2, 2, (presence(at_ms=2),))


def test_presence_and_absence_stay_in_order():
    gone = Absent(device=DEVICE, at_ms=2, polled_ms=1)
    spool = spool_of(presence(at_ms=1), gone, presence(at_ms=3))
    assert spool.batch().events == (gone, presence(at_ms=3))


def test_reports_find_room_in_three_quarters_only():
    spool = spool_of(bytes=100_000)
    assert spool.has_room(1, 60_000)
    assert not spool.has_room(1, 66_000)
    spool.add(Report(device=DEVICE, sealed=bytes(60_000), at_ms=1))
    assert not spool.has_room(1, 5_000)
    spool.batch()
    assert not spool.has_room(1, 5_000), "what is on its way still takes its room"
    spool.acknowledge(NOW, 1)
    assert spool.has_room(1, 5_000)
    assert spool.size == 0


def test_a_report_that_was_not_promised_after_all_is_forgotten():
    spool = spool_of()
    entry = spool.add(Report(device=DEVICE, sealed=bytes(10), at_ms=1))
    spool.withdraw(entry)
    spool.withdraw(entry)
    assert (len(spool), spool.size, spool.batch()) == (0, 0, None)


def test_what_finds_no_room_is_counted_by_kind():
    spool = Spool(SpoolLimits(bytes=1_500), NOW)
    kept = [spool.add(opened(index)) is not None for index in range(4)]
    assert kept == [True, True, False, False]
    assert spool.dropped == {"tunnel_opened": 2}


def test_a_batch_is_bounded_by_count_and_by_bytes():
    spool = spool_of(*(opened(index % 64) for index in range(5_000)), bytes=2**30)
    assert len(spool.batch().events) == 4_096
    spool.acknowledge(NOW, 4_096)
    assert len(spool.batch().events) == 904
    spool.acknowledge(NOW, 5_000)
    for _ in range(40):
        spool.add(Report(device=DEVICE, sealed=bytes(190_000), at_ms=1))
    assert 15 < len(spool.batch().events) < 25


def test_what_earlier_runs_left_goes_first_each_under_its_own_name():
    spool = spool_of()
    spool.recover(Entry(3, LONG_AGO, opened(0)))
    spool.recover(Entry(4, BEFORE, presence(at_ms=1)))
    spool.recover(Entry(5, BEFORE, presence(at_ms=2)))
    spool.add(presence(at_ms=3))
    assert spool.oldest == 3
    assert spool.batch() == Outgoing(LONG_AGO, 3, 3, (opened(0),))
    spool.acknowledge(LONG_AGO, 3)
    assert spool.batch() == Outgoing(BEFORE, 5, 5, (presence(at_ms=2),))
    spool.acknowledge(BEFORE, 900)
    assert spool.batch() == Outgoing(NOW, 6, 6, (presence(at_ms=3),))
    spool.acknowledge(NOW, 6)
    assert (spool.oldest, spool.newest) == (7, 6)


def test_numbers_that_an_earlier_run_gave_are_not_given_again():
    spool = spool_of()
    spool.begin_after(40)
    assert spool.add(opened(0)).number == 41
