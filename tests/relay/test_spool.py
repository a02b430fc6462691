from bedside.protocol.batch import Absent, Presence, Report, TunnelOpened
from bedside.protocol.shapes import JournalHead
from bedside.relay.spool import Spool, SpoolLimits
from bedside.vocabulary import Activity, DeviceId, PollMode, SessionId

DEVICE = DeviceId("CI-20417")
SESSION = SessionId("01JD0000000000000000000000")


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


def test_a_batch_keeps_its_number_and_content_until_it_is_acknowledged():
    spool = Spool(SpoolLimits())
    assert spool.batch() is None
    spool.add(opened(0))
    first = spool.batch()
    assert first == (1, (opened(0),))
    spool.add(opened(1))
    assert spool.batch() == first
    spool.acknowledge(7)
    assert spool.batch() == first
    spool.acknowledge(1)
    assert spool.batch() == (2, (opened(1),))
    spool.acknowledge(2)
    assert spool.batch() is None
    assert len(spool) == 0


def test_a_presence_that_waits_is_replaced_by_its_newer_one():
    spool = Spool(SpoolLimits())
    for at_ms in range(5):
        spool.add(presence(at_ms=at_ms))
    spool.add(presence("2" * 32, at_ms=9))
    assert spool.batch()[1] == (presence(at_ms=4), presence("2" * 32, at_ms=9))


def test_a_presence_on_its_way_is_not_touched():
    spool = Spool(SpoolLimits())
    spool.add(presence(at_ms=1))
    spool.batch()
    spool.add(presence(at_ms=2))
    assert spool.batch()[1] == (presence(at_ms=1),)
    spool.acknowledge(1)
    assert spool.batch()[1] == (presence(at_ms=2),)


def test_presence_and_absence_stay_in_order():
    spool = Spool(SpoolLimits())
    gone = Absent(device=DEVICE, at_ms=2)
    for event in (presence(at_ms=1), gone, presence(at_ms=3)):
        spool.add(event)
    assert spool.batch()[1][-1] == presence(at_ms=3)


def test_reports_find_room_in_three_quarters_only():
    spool = Spool(SpoolLimits(bytes=100_000))
    assert spool.has_room(1, 70_000)
    assert not spool.has_room(1, 75_000)
    spool.add(Report(device=DEVICE, sealed=bytes(70_000), at_ms=1))
    assert not spool.has_room(1, 5_000)
    spool.batch()
    assert not spool.has_room(1, 5_000), "what is on its way still takes its room"
    spool.acknowledge(1)
    assert spool.has_room(1, 5_000)


def test_what_finds_no_room_is_counted_by_kind():
    spool = Spool(SpoolLimits(bytes=1_000))
    assert [spool.add(opened(index)) for index in range(4)] == [True, True, False, False]
    assert spool.dropped == {"tunnel_opened": 2}


def test_a_batch_is_bounded_by_count_and_by_bytes():
    spool = Spool(SpoolLimits(bytes=2**30))
    for index in range(5_000):
        spool.add(opened(index % 64))
    assert len(spool.batch()[1]) == 4_096
    spool.acknowledge(1)
    assert len(spool.batch()[1]) == 904
    spool.acknowledge(2)
    for _ in range(40):
        spool.add(Report(device=DEVICE, sealed=bytes(190_000), at_ms=1))
    assert 15 < len(spool.batch()[1]) < 25
