"""Messages that wait for devices: sent until they are acknowledged, withdrawn or over."""

from bedside.protocol.feed import MessageOffered
from bedside.protocol.poll import MAX_MESSAGES
from bedside.relay.waiting import WaitingMessages
from bedside.vocabulary import DeviceId, MessageKind

NOW = 1_000_000
ONE, OTHER = DeviceId("CI-1"), DeviceId("CI-2")
RESEND = 5_000


def offered(number, device=ONE, *, kind=MessageKind.ORDER, lasts_ms=60_000):
    return MessageOffered(
        device=device,
        id=f"01JD0000000000000000000{number:03}",
        message_kind=kind,
        sealed=b"sealed",
        expires_ms=NOW + lasts_ms,
    )


def waiting(*messages, per_device=64):
    made = WaitingMessages(per_device=per_device, resend_ms=RESEND)
    for message in messages:
        assert made.offer(message, NOW)
    return made


def taken(messages, key, now=NOW, **options):
    return [message.id for message in messages.take(ONE, key, now, **options)]


def test_what_was_sent_is_sent_again_on_another_connection_and_on_the_same_one_later():
    messages = waiting(offered(1))
    assert taken(messages, "a") == [offered(1).id]
    assert taken(messages, "a", NOW + RESEND - 1) == []
    assert taken(messages, "a", NOW + RESEND) == [offered(1).id]
    assert taken(messages, "b", NOW + RESEND) == [offered(1).id]


def test_what_is_due_is_not_yet_sent():
    messages = waiting(offered(1))
    for _ in range(2):
        assert [each.offered for each in messages.due(ONE, "a", NOW)] == [offered(1)]


def test_each_device_has_its_own_in_the_order_in_which_they_came():
    messages = waiting(offered(2), offered(3, OTHER), offered(1))
    assert taken(messages, "a") == [offered(2).id, offered(1).id]
    assert messages.names() == [
        (ONE, offered(2).id),
        (ONE, offered(1).id),
        (OTHER, offered(3).id),
    ]
    assert len(messages) == 3


def test_orders_are_left_out_where_they_wait_for_another_relay():
    messages = waiting(offered(1), offered(2, kind=MessageKind.WITHDRAWAL))
    assert messages.has_order(ONE)
    assert not messages.has_order(OTHER)
    assert taken(messages, "a", orders=False) == [offered(2).id]
    messages.withdraw(ONE, offered(1).id)
    assert not messages.has_order(ONE)


def test_a_message_waits_once_and_not_when_its_time_is_over():
    messages = waiting(offered(1))
    assert not messages.offer(offered(1), NOW)
    assert not messages.offer(offered(2, OTHER, lasts_ms=0), NOW)
    assert list(messages.by_device) == [ONE], "nobody is kept for whom nothing waits"


def test_whoever_has_nothing_left_is_forgotten():
    messages = waiting(offered(1), offered(2, OTHER, lasts_ms=1_000))
    by_device = messages.by_device
    assert messages.withdraw(ONE, offered(1).id)
    assert not messages.withdraw(ONE, offered(1).id)
    assert list(by_device) == [OTHER]
    messages.expire(NOW + 500)
    assert len(messages) == 1
    messages.expire(NOW + 2_000)
    assert (len(messages), messages.by_device) == (0, {})
    assert messages.by_device is by_device


def test_one_more_than_may_wait_takes_the_place_of_the_oldest():
    messages = waiting(offered(1), offered(2), offered(3), per_device=2)
    assert taken(messages, "a") == [offered(2).id, offered(3).id]
    alone = waiting(offered(1), offered(2), per_device=1)
    assert taken(alone, "a") == [offered(2).id]


def test_no_answer_is_asked_for_more_than_it_holds():
    messages = waiting(*(offered(number) for number in range(MAX_MESSAGES + 1)), per_device=999)
    assert len(taken(messages, "a")) == MAX_MESSAGES
    assert taken(messages, "a") == [offered(MAX_MESSAGES).id]
