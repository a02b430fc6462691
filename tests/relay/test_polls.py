from dataclasses import replace
from random import Random
from typing import NamedTuple

import pytest

from bedside.protocol.batch import (
    Absent,
    Delivered,
    Overdue,
    Presence,
    Settled,
    SupersededInstanceReturned,
)
from bedside.protocol.feed import FeedReply, MessageOffered, read_lone_message
from bedside.protocol.poll import PollReply, Spans, parse_poll_reply
from bedside.relay.polls import Answer, PollLimits, Polls, RefusePoll, Tell
from bedside.vocabulary import Activity, DeviceId, Gate, MessageKind, PollMode
from tests.relay.world import poll

NOW = 1_000_000
DEVICE = DeviceId("CI-20417")
FIRST, SECOND, THIRD = "1" * 32, "2" * 32, "3" * 32
PERIOD = 30_000


def message(number=0, *, expires_ms=NOW + 3_600_000) -> MessageOffered:
    return MessageOffered(
        device=DEVICE,
        id=f"01JD00000000000000000000{number:02}",
        message_kind=MessageKind.ORDER,
        sealed=b"sealed",
        expires_ms=expires_ms,
    )


class Dialogue:
    """A relay's polls as one device's connection sees them."""

    def __init__(self, **limits) -> None:
        self.polls = Polls(PollLimits(**limits), Random(7), now_ms=NOW)
        self.now = NOW

    def asks(self, key="c", request=None, address="192.0.2.7"):
        return self.polls.poll(
            key, DEVICE, request or poll(FIRST), address=address, now_ms=self.now
        )

    def settled(self):
        """Past the first hold, whose length is random."""
        self.asks()
        self.later(PERIOD)
        return self

    def later(self, ms):
        self.now += ms
        return self.polls.tick(self.now)


class Answered(NamedTuple):
    key: str
    reply: PollReply


def answers(commands):
    given = [command for command in commands if isinstance(command, Answer)]
    return [Answered(answer.key, parse_poll_reply(answer.body)) for answer in given]


def brought(commands):
    """Who was answered, each with what messages."""
    return [(answer.key, answer.reply.messages) for answer in answers(commands)]


def ids(commands):
    return [[each.id for each in answer.reply.messages] for answer in answers(commands)]


def told(commands, kind):
    return [c.event for c in commands if isinstance(c, Tell) and isinstance(c.event, kind)]


def test_a_held_poll_is_answered_at_once_when_a_message_waits():
    talk = Dialogue()
    talk.polls.offer(message(), NOW)
    assert ids(talk.asks()) == [[message().id]]


def test_a_held_poll_is_answered_when_a_message_comes():
    talk = Dialogue()
    assert answers(talk.asks()) == []
    assert ids(talk.polls.offer(message(), NOW + 5)) == [[message().id]]
    assert answers(talk.later(PERIOD + 50)) == []


def test_a_held_poll_is_answered_when_its_period_is_over():
    talk = Dialogue(hold_ms=PERIOD).settled()
    assert answers(talk.asks()) == []
    assert answers(talk.later(PERIOD - 100)) == []
    (answer,) = answers(talk.later(150))
    assert answer.reply.messages == ()
    assert (answer.reply.next_in_ms, answer.reply.hold_ms) == (0, PERIOD)


def test_the_first_hold_has_a_random_length_so_that_fleets_do_not_pulse():
    lengths = set()
    polls = Polls(PollLimits(hold_ms=PERIOD), Random(7), now_ms=NOW)
    for number in range(50):
        polls.poll(number, DeviceId(f"CI-{number}"), poll(FIRST), address="192.0.2.7", now_ms=NOW)
    for now in range(NOW, NOW + PERIOD + 1_000, 1_000):
        lengths |= {now for _ in answers(polls.tick(now))}
    assert len(lengths) > 15


def many(count=10):
    """So many devices whose polls are held, and whose holds are over."""
    polls = Polls(PollLimits(hold_ms=PERIOD), Random(7), now_ms=NOW)
    for number in range(count):
        polls.poll(number, DeviceId(f"CI-{number}"), poll(FIRST), address="192.0.2.7", now_ms=NOW)
    return polls


def test_holds_that_end_together_end_a_few_at_a_time_and_each_once():
    polls, now = many(), NOW + PERIOD + 1_000
    assert polls.counts["held"] == 10
    ended = []
    while not ended or polls.behind:
        some = answers(polls.tick(now, most=4))
        assert len(some) <= 4
        ended += [each.key for each in some]
        assert polls.counts["held"] == 10 - len(ended)
    assert sorted(ended) == list(range(10))
    assert polls.tick(now + 1_000) == []


def test_whoever_is_answered_before_its_turn_and_asks_again_is_held_anew():
    polls, now = many(2), NOW + PERIOD + 1_000
    (first,) = answers(polls.tick(now, most=1))
    other = DeviceId(f"CI-{1 - first.key}")
    offered = replace(message(), device=other, expires_ms=now + 60_000)
    assert ids(polls.offer(offered, now)) == [[offered.id]]
    again = poll(FIRST, acks=(offered.id,))
    assert answers(polls.poll(9, other, again, address="192.0.2.7", now_ms=now)) == []
    assert answers(polls.tick(now + 100)) == []
    assert polls.counts["held"] == 1
    assert [each.key for each in answers(polls.tick(now + PERIOD + 100))] == [9]


def test_an_interval_poll_is_answered_at_once_and_told_when_to_return():
    talk = Dialogue(interval_ms=30_000, interval_jitter_percent=10)
    first = answers(talk.asks(request=poll(FIRST, mode=PollMode.INTERVAL)))[0].reply
    assert 1 <= first.next_in_ms <= 30_000
    for _ in range(20):
        talk.now += 30_000
        reply = answers(talk.asks(request=poll(FIRST, mode=PollMode.INTERVAL)))[0].reply
        assert 27_000 <= reply.next_in_ms <= 33_000


def test_a_message_is_sent_until_it_is_acknowledged():
    talk = Dialogue(resend_ms=5_000)
    talk.polls.offer(message(), NOW)
    assert ids(talk.asks("c1")) == [[message().id]]
    assert ids(talk.asks("c2")) == [[message().id]], "at once on a new connection"
    assert ids(talk.asks("c2")) == [], "not at once on the same one"
    assert ids(talk.later(5_050)) == [[message().id]], "after a pause"
    commands = talk.asks("c2", poll(FIRST, acks=(message().id,)))
    assert told(commands, Delivered) == [Delivered(device=DEVICE, id=message().id, at_ms=talk.now)]
    assert talk.polls.waiting() == []


def test_an_acknowledgement_is_told_once():
    talk = Dialogue()
    talk.polls.offer(message(), NOW)
    acks = poll(FIRST, acks=(message().id,))
    assert len(told(talk.asks("c", acks), Delivered)) == 1
    assert told(talk.asks("c", acks), Delivered) == []


def test_a_withdrawn_message_and_an_expired_one_are_not_sent():
    talk = Dialogue()
    talk.polls.offer(message(1), NOW)
    talk.polls.offer(message(2, expires_ms=NOW + 10_000), NOW)
    talk.polls.offer(message(3), NOW)
    talk.polls.withdraw(DEVICE, message(1).id)
    talk.polls.withdraw(DEVICE, "01JD0000000000000000000099")
    talk.later(11_000)
    assert ids(talk.asks()) == [[message(3).id]]


def lone(offered):
    return read_lone_message(FeedReply(cursor="1", snapshot=False, events=(offered,)).to_json())


def test_a_message_that_comes_alone_is_sent_before_it_is_booked_and_as_any_other_is():
    talk, other = Dialogue(), Dialogue()
    for each in (talk, other):
        each.settled().asks()
    answer = talk.polls.hand_on(lone(message()), talk.now)
    assert [answer] == other.polls.offer(message(), other.now)
    assert talk.polls.offer(message(), talk.now, sent_to=answer.key) == []
    assert talk.asks() == other.asks() == []
    talk.later(4_900)
    assert ids(talk.later(200)) == [[message().id]]
    assert talk.polls.waiting() == [(DEVICE, message().id)]


def test_what_was_sent_before_it_was_booked_is_sent_at_once_on_another_connection():
    talk = Dialogue().settled()
    talk.asks()
    answer = talk.polls.hand_on(lone(message()), talk.now)
    talk.polls.offer(message(), talk.now, sent_to=answer.key)
    assert ids(talk.asks("other")) == [[message().id]]


@pytest.mark.parametrize(
    "prepare",
    [
        lambda talk: None,
        lambda talk: talk.asks(request=poll(FIRST, mode=PollMode.INTERVAL)),
        lambda talk: (talk.asks(), talk.polls.drain(talk.now, 30_000)),
        lambda talk: (talk.asks(), talk.polls.offer(message(1), talk.now)),
        lambda talk: (talk.asks(), talk.polls.refuse(DEVICE, Gate.DEVICE_CLONED)),
        lambda talk: (talk.asks(), talk.polls.departed("c", DEVICE)),
        lambda talk: (talk.asks(), setattr(talk, "now", NOW + 3_600_000)),
    ],
    ids=["no poll", "interval", "draining", "another waits", "refused", "gone", "expired"],
)
def test_a_message_waits_where_it_would_not_be_sent_at_once(prepare):
    talk = Dialogue()
    prepare(talk)
    assert talk.polls.hand_on(lone(message()), talk.now) is None


def test_an_expired_message_is_not_taken_in():
    talk = Dialogue()
    assert talk.polls.offer(message(expires_ms=NOW), NOW) == []
    assert talk.polls.waiting() == []


def test_many_messages_go_in_several_answers():
    talk = Dialogue()
    for number in range(10):
        talk.polls.offer(message(number), NOW)
    request = poll(FIRST, mode=PollMode.INTERVAL)
    first = answers(talk.asks("c", request))[0].reply
    assert len(first.messages) == 8
    assert first.next_in_ms == 0
    assert len(answers(talk.asks("c", request))[0].reply.messages) == 2


def test_the_oldest_message_gives_way_when_too_many_wait():
    talk = Dialogue(messages_per_device=2)
    for number in range(3):
        talk.polls.offer(message(number), NOW)
    assert [each for _, each in talk.polls.waiting()] == [message(1).id, message(2).id]


def test_the_console_hears_of_the_first_poll_and_of_changes_only():
    talk = Dialogue()
    (presence,) = told(talk.asks(), Presence)
    assert (presence.device, presence.address) == (DEVICE, "192.0.2.7")
    assert told(talk.asks(), Presence) == []
    assert told(talk.asks(request=poll(FIRST, sequence=9)), Presence) == []
    viewing = poll(FIRST, activity=Activity.VIEWING)
    assert told(talk.asks(request=viewing), Presence)[0].activity is Activity.VIEWING
    assert len(told(talk.asks(request=viewing, address="192.0.2.8"), Presence)) == 1
    assert len(told(talk.asks(request=replace(viewing, version="2.0")), Presence)) == 1


@pytest.mark.parametrize("mode", PollMode)
def test_a_device_that_was_at_another_relay_meanwhile_is_told_though_nothing_changed(mode):
    talk, asked = Dialogue(), poll(FIRST, mode=mode)
    talk.asks(request=asked)
    for _ in range(2):
        assert told(talk.asks(request=replace(asked, moved=True)), Presence)
    assert told(talk.asks(request=asked), Presence) == []


def test_a_late_poll_is_overdue_then_its_device_is_given_up_and_a_poll_ends_it():
    talk = Dialogue(hold_ms=PERIOD)
    talk.asks()
    talk.polls.departed("c", DEVICE)
    assert told(talk.later(PERIOD * 3 // 2 - 1_000), Overdue) == []
    (late,) = told(talk.later(2_000), Overdue)
    assert (late.at_ms, NOW <= late.polled_ms <= NOW + 2_000) == (talk.now, True)
    assert told(talk.later(PERIOD - 2_000), Absent) == []
    (gone,) = told(talk.later(4_000), Absent)
    assert (gone.at_ms, NOW <= gone.polled_ms <= NOW + 5_000) == (talk.now, True)
    assert told(talk.later(PERIOD * 10), Absent) == []
    assert len(told(talk.asks(), Presence)) == 1


def test_whoever_waits_for_a_relay_that_stood_still_is_not_late():
    talk = Dialogue(hold_ms=PERIOD)
    talk.asks()
    assert told(talk.later(PERIOD * 10), Overdue) == []
    assert told(talk.later(PERIOD * 3 // 2 - 1_000), Overdue) == []
    assert len(told(talk.later(2_000), Overdue)) == 1


def test_a_poll_that_comes_late_after_all_is_told():
    talk = Dialogue(hold_ms=PERIOD)
    talk.asks()
    talk.polls.departed("c", DEVICE)
    assert len(told(talk.later(PERIOD * 2), Overdue)) == 1
    assert len(told(talk.asks(), Presence)) == 1
    assert told(talk.asks(), Presence) == []


def test_an_interval_may_be_as_much_longer_as_the_relay_dictates():
    talk = Dialogue(interval_ms=PERIOD, interval_jitter_percent=50)
    talk.asks(request=poll(FIRST, mode=PollMode.INTERVAL))
    assert told(talk.later(PERIOD * 2 - 1_000), Overdue) == []
    assert len(told(talk.later(2_000), Overdue)) == 1


def test_a_relay_says_once_that_whoever_polls_here_was_told():
    talk = Dialogue(hold_ms=PERIOD, interval_ms=PERIOD, interval_jitter_percent=0)
    patience = Spans().retry_most_ms  # a device may wait so long before it tries again
    assert told(talk.later(patience + PERIOD * 5 // 2 - 1), Settled) == []
    assert told(talk.later(1), Settled) == [Settled(started_ms=NOW, at_ms=talk.now)]
    assert told(talk.later(PERIOD * 10), Settled) == []


def test_a_held_poll_whose_connection_closed_is_not_answered():
    talk = Dialogue()
    talk.asks("c")
    talk.polls.departed("c", DEVICE)
    assert talk.polls.offer(message(), NOW) == []
    assert ids(talk.asks("c2")) == [[message().id]]


def test_a_second_connection_takes_the_first_ones_place():
    talk = Dialogue()
    talk.asks("c1")
    commands = talk.asks("c2")
    assert brought(commands) == [("c1", ())]
    assert [answer.key for answer in answers(talk.polls.offer(message(), NOW))] == ["c2"]


def test_a_new_instance_supersedes_and_is_served():
    talk = Dialogue()
    talk.asks("c1", poll(FIRST))
    commands = talk.asks("c2", poll(SECOND))
    assert told(commands, Presence)[0].instance == SECOND
    assert told(commands, SupersededInstanceReturned) == []


def test_a_superseded_instance_that_returns_proves_two_copies_and_both_are_refused():
    talk = Dialogue()
    talk.asks("c1", poll(FIRST))
    talk.asks("c2", poll(SECOND))
    assert brought(talk.asks("c1", poll(FIRST))) == [("c1", ())]
    commands = talk.asks("c3", poll(FIRST))
    assert told(commands, SupersededInstanceReturned) == [
        SupersededInstanceReturned(device=DEVICE, instance=FIRST, at_ms=NOW)
    ]
    refused = [command for command in commands if isinstance(command, RefusePoll)]
    assert [(each.key, each.gate) for each in refused] == [
        ("c2", Gate.DEVICE_CLONED),
        ("c3", Gate.DEVICE_CLONED),
    ]
    (later,) = talk.asks("c4", poll(SECOND))
    assert (later.key, later.gate) == ("c4", Gate.DEVICE_CLONED)


def test_what_a_process_that_ended_left_on_the_way_is_no_copy():
    talk = Dialogue()
    talk.asks("c1", poll(FIRST))
    talk.asks("c2", poll(SECOND))
    assert brought(talk.asks("c1", poll(FIRST))) == [("c1", ())]
    talk.later(PERIOD)
    assert talk.asks("c2", poll(SECOND)) == []  # held, as ever
    assert told(talk.asks("c4", poll(THIRD)), Presence)


def test_an_instance_is_remembered_over_many_restarts():
    talk = Dialogue()
    for instance in (FIRST, SECOND, THIRD):
        talk.asks(instance, poll(instance))
    assert answers(talk.asks("c", poll(FIRST)))
    assert len(told(talk.asks("c", poll(FIRST)), SupersededInstanceReturned)) == 1


def test_a_restored_device_is_served_whichever_copy_it_is():
    talk = Dialogue()
    for instance in (FIRST, SECOND, FIRST, FIRST):
        talk.asks(instance, poll(instance))
    talk.polls.restore(DEVICE)
    commands = talk.asks("c", poll(FIRST))
    assert not [command for command in commands if isinstance(command, RefusePoll)]
    assert told(commands, SupersededInstanceReturned) == []


def test_a_refused_device_is_refused_in_its_held_poll_and_in_the_next():
    talk = Dialogue(refused_retry_ms=60_000)
    talk.asks("c1")
    (now,) = talk.polls.refuse(DEVICE, Gate.LOCK)
    assert (now.key, now.gate) == ("c1", Gate.LOCK)
    assert 60_000 <= now.retry_in_ms < 120_000
    (later,) = talk.asks("c2")
    assert (later.key, later.gate) == ("c2", Gate.LOCK)
    talk.polls.restore(DEVICE)
    assert talk.polls.offer(message(), NOW) == []
    assert ids(talk.asks("c3")) == [[message().id]]


def test_counts_say_what_is_there_now():
    talk = Dialogue()
    talk.asks()
    assert talk.polls.counts == {"devices": 1, "held": 1, "messages": 0}


def test_a_console_that_may_have_forgotten_is_told_of_every_device_once_more():
    talk = Dialogue()
    assert len(told(talk.asks(), Presence)) == 1
    assert told(talk.asks(), Presence) == []
    talk.polls.tell_anew()
    assert len(told(talk.asks(), Presence)) == 1
    assert told(talk.asks(), Presence) == []


# ---- more than its share (rule 6) ----


def busy(mode, limit=6):
    at = Dialogue(polls_per_minute=limit)
    return at, poll(FIRST, mode=mode)


def test_so_many_polls_are_answered_at_once_and_then_one_at_each_turn():
    at, request = busy(PollMode.INTERVAL)
    assert [len(answers(at.asks(request=request))) for _ in range(8)] == [1] * 7 + [0]
    assert at.polls.delayed == 1
    assert answers(at.later(9_000)) == []
    assert len(answers(at.later(1_100))) == 1
    assert answers(at.asks(request=request)) == []
    assert len(answers(at.later(10_100))) == 1


def test_after_a_pause_a_device_has_its_share_again():
    at, request = busy(PollMode.INTERVAL)
    for _ in range(20):
        at.asks(request=request)
    at.later(200_000)
    assert [len(answers(at.asks(request=request))) for _ in range(6)] == [1] * 6


def test_a_device_that_overtakes_itself_beyond_its_share_loses_the_poll_before():
    at, request = busy(PollMode.HELD)
    overtaken = [at.asks(key, request) for key in range(9)]
    assert [type(each) for commands in overtaken[2:7] for each in commands] == [Answer] * 5
    (refused,) = overtaken[8]
    assert (refused.key, refused.gate) == (7, Gate.LIMIT)


def test_a_fleet_that_keeps_its_period_is_never_delayed():
    at, request = busy(PollMode.INTERVAL, limit=4)
    for _ in range(50):
        assert len(answers(at.asks(request=request))) == 1
        at.later(PERIOD)
    assert at.polls.delayed == 0


# ---- draining ----


def leaving(commands):
    return [answer.key for answer in answers(commands) if answer.reply.leave_in_ms is not None]


def test_a_relay_that_drains_sends_its_held_devices_away_over_the_span():
    polls = Polls(PollLimits(hold_ms=PERIOD), Random(7), now_ms=NOW)
    for number in range(200):
        device = DeviceId(f"CI-{number}")
        polls.poll(number, device, poll(FIRST), address="192.0.2.7", now_ms=NOW)
    polls.drain(NOW, 10_000)
    seconds = []
    for now in range(NOW + 1_000, NOW + 12_000, 1_000):
        commands = polls.tick(now)
        seconds.append(len(leaving(commands)))
        for answer in answers(commands):
            if answer.key not in leaving(commands):
                device = DeviceId(f"CI-{answer.key}")
                polls.poll(answer.key, device, poll(FIRST), address="192.0.2.7", now_ms=now)
    assert sum(seconds) == 200
    assert max(seconds) < 2 * 200 / 10
    assert polls.untold == 0


def test_no_poll_is_held_longer_for_a_drain():
    talk = Dialogue(hold_ms=PERIOD).settled()
    talk.asks()
    for _ in range(9):
        assert answers(talk.later(PERIOD // 10)) == []
    talk.polls.drain(talk.now, 10 * PERIOD)
    assert len(answers(talk.later(PERIOD // 10 + 50))) == 1
    span = [talk.asks() + talk.later(PERIOD + 50) for _ in range(10)]
    assert all(len(answers(commands)) == 1 for commands in span)
    assert sum(len(leaving(commands)) for commands in span) == 1


def test_whoever_comes_while_it_drains_is_sent_away_at_once_and_held_when_they_come_back():
    talk = Dialogue(hold_ms=PERIOD)
    talk.polls.drain(NOW, 10_000)
    assert leaving(talk.asks()) == ["c"]
    assert answers(talk.asks()) == []
    assert leaving(talk.later(PERIOD + 50)) == []
    assert talk.polls.untold == 0


@pytest.mark.parametrize("home_ms", [PERIOD // 2, PERIOD, 20 * PERIOD])
def test_whoever_comes_home_while_it_drains_is_sent_back_and_the_console_hears_nothing(home_ms):
    talk = Dialogue(hold_ms=PERIOD, spans=Spans(home_ms=home_ms)).settled()
    talk.asks()
    talk.polls.drain(talk.now, 10)
    assert leaving(talk.later(50)) == ["c"]
    for _ in range(3):
        talk.later(home_ms)
        commands = talk.asks("home", poll(FIRST, moved=True))
        assert (leaving(commands), told(commands, Presence)) == (["home"], [])
    commands = talk.asks("nowhere else", poll(FIRST, moved=True))
    assert (answers(commands), len(told(commands, Presence))) == ([], 1), "it is held"
    assert talk.polls.untold == 0


def test_whoever_has_no_other_relay_is_sent_away_once_however_long_it_drains():
    talk = Dialogue(hold_ms=PERIOD, spans=Spans(home_ms=PERIOD)).settled()
    talk.polls.drain(talk.now, 10)
    talk.asks()
    assert leaving(talk.later(50)) == ["c"]
    talk.asks("back", poll(FIRST, moved=True))
    for _ in range(3):
        commands = talk.later(PERIOD + 50)
        commands += talk.asks("back")
        assert leaving(commands) == []


def test_whoever_asked_another_relay_while_it_drains_is_told_of_where_it_was_answered_only():
    talk = Dialogue(hold_ms=PERIOD)
    talk.polls.drain(NOW, 10_000)
    commands = talk.asks(request=poll(FIRST, moved=True))
    assert (leaving(commands), told(commands, Presence)) == (["c"], [])
    commands = talk.asks(request=poll(FIRST, moved=True))
    assert (leaving(commands), len(told(commands, Presence))) == ([], 1)


def test_whoever_was_given_up_here_and_has_nowhere_else_to_go_is_told_of_again():
    talk = Dialogue(hold_ms=PERIOD).settled()
    talk.polls.drain(talk.now, 10)
    talk.asks()
    assert any(told(talk.later(PERIOD), Absent) for _ in range(4))
    moved = poll(FIRST, moved=True)  # it has asked another relay in between
    assert leaving(talk.asks(request=moved)) == ["c"]
    assert told(talk.asks(request=moved), Presence)


def test_at_intervals_a_device_is_sent_away_over_one_interval():
    talk = Dialogue(interval_ms=PERIOD)
    talk.polls.drain(NOW, 10_000)
    (answer,) = answers(talk.asks(request=poll(FIRST, mode=PollMode.INTERVAL)))
    assert answer.reply.leave_in_ms == PERIOD


def test_devices_at_intervals_are_waited_for_until_each_was_sent_away():
    talk = Dialogue(interval_ms=PERIOD)
    talk.asks(request=poll(FIRST, mode=PollMode.INTERVAL))
    assert talk.polls.waits_for_intervals
    talk.polls.drain(talk.now, 10)
    talk.asks("again", request=poll(FIRST, mode=PollMode.INTERVAL))
    assert not talk.polls.waits_for_intervals


def test_a_relay_that_stays_after_all_sends_nobody_away_and_gives_orders_again():
    talk = Dialogue(hold_ms=PERIOD).settled()
    talk.polls.drain(talk.now, 10)
    talk.asks()
    assert leaving(talk.later(50)) == ["c"]
    talk.polls.stay()
    assert answers(talk.asks("back")) == []
    assert ids(talk.polls.offer(message(1), talk.now)) == [[message(1).id]]
    assert talk.polls.untold == 1


def test_an_order_sends_its_device_away_and_a_withdrawal_still_arrives():
    talk = Dialogue(hold_ms=PERIOD).settled()
    talk.asks()
    talk.polls.drain(talk.now, 10_000)
    withdrawal = replace(message(2), message_kind=MessageKind.WITHDRAWAL)
    commands = talk.polls.offer(withdrawal, talk.now)
    assert (ids(commands), leaving(commands)) == ([[withdrawal.id]], [])
    assert answers(talk.asks(request=poll(FIRST, acks=(withdrawal.id,)))) == []
    commands = talk.polls.offer(message(1), talk.now)
    assert (ids(commands), leaving(commands)) == ([[]], ["c"])
    assert answers(talk.asks("back")) == [], "its order waits for the next relay"
