"""Rule 8 of the polls: a poll that comes again word for word is served as if it had been read."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.protocol.feed import MessageOffered
from bedside.protocol.poll import poll_words
from bedside.relay.polls import Answer, PollLimits, Polls
from bedside.vocabulary import Activity, Gate, MessageKind, PollMode
from tests.relay.world import DEVICE, NAME, poll, running

NOW = 1_000_000
LIMITS = PollLimits(hold_ms=30_000, resend_ms=5_000, polls_per_minute=6)
IDS = [f"01JD00000000000000000000{number:02}" for number in range(3)]


def request(asked) -> bytes:
    body = asked.to_json()
    head = f"POST /v1/poll HTTP/1.1\r\nhost: {NAME}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Reader:
    """Polls that are all read."""

    def __init__(self) -> None:
        self.polls = Polls(LIMITS, Random(7), now_ms=NOW)

    def poll(self, key, asked, address, now):
        return self.polls.poll(key, DEVICE, asked, address=address, now_ms=now)


class Repeater(Reader):
    """Polls that are read only when they must be."""

    repeated = 0

    def poll(self, key, asked, address, now):
        said = poll_words(request(asked))
        body = self.polls.again(key, DEVICE, said, address=address, now_ms=now)
        if body is not None:
            self.repeated += 1
            return [Answer(key, body)] if body else []
        return self.polls.poll(key, DEVICE, asked, address=address, now_ms=now, said=said)


POLLS = st.builds(
    poll,
    st.sampled_from(["1" * 32, "2" * 32]),
    acks=st.lists(st.sampled_from(IDS), unique=True, max_size=2).map(tuple),
    mode=st.sampled_from(PollMode),
    activity=st.sampled_from(Activity),
    sequence=st.sampled_from([1, 2, 33]),
    moved=st.booleans(),
)
STEPS = st.one_of(
    st.tuples(st.just("poll"), POLLS, st.sampled_from("ab"), st.sampled_from(["::1", "::2"])),
    st.tuples(st.just("repeat"), st.integers(1, 4)),
    st.tuples(st.just("later"), st.sampled_from([10, 1_000, 30_050, 200_000])),
    st.tuples(st.just("offer"), st.sampled_from(IDS)),
    st.tuples(st.just("departed"), st.sampled_from("ab")),
    st.sampled_from([("refuse",), ("restore",), ("tell_anew",), ("drain",)]),
)


def offered(message: str, now: int) -> MessageOffered:
    return MessageOffered(
        device=DEVICE,
        id=message,
        message_kind=MessageKind.ORDER,
        sealed=b"sealed",
        expires_ms=now + 60_000,
    )


def play(reader: Reader, steps) -> list[object]:
    """Return every command that the steps bring."""
    now, commands, last = NOW, [], None
    for kind, *words in steps:
        if kind == "poll":
            last = words
            asked, key, address = words
            commands += reader.poll(key, asked, address, now)
        elif kind == "repeat" and last is not None:
            asked, key, address = last
            for _ in range(*words):
                now += 30_050
                commands += reader.polls.tick(now)
                commands += reader.poll(key, asked, address, now)
        elif kind == "later":
            now += words[0]
            commands += reader.polls.tick(now)
        elif kind == "offer":
            commands += reader.polls.offer(offered(words[0], now), now)
        elif kind == "departed":
            reader.polls.departed(words[0], DEVICE)
        elif kind == "refuse":
            commands += reader.polls.refuse(DEVICE, Gate.LOCK)
        elif kind == "restore":
            reader.polls.restore(DEVICE)
        elif kind == "tell_anew":
            reader.polls.tell_anew()
        elif kind == "drain":
            reader.polls.drain(now, 10_000)
    return commands


@given(st.lists(STEPS, max_size=12))
def test_what_is_not_read_is_served_as_if_it_had_been(steps):
    assert play(Repeater(), steps) == play(Reader(), steps)


@pytest.mark.parametrize("mode", PollMode)
@pytest.mark.parametrize(
    "between",
    [
        [("later", 200_000)],
        [("refuse",)],
        [("tell_anew",)],
        [("drain",)],
        [("offer", IDS[0])],
        [("poll", poll("2" * 32), "b", "::1"), ("poll", poll("1" * 32), "a", "::1")],
    ],
)
def test_whatever_happened_between_two_equal_polls_counts(mode, between):
    asked = poll(mode=mode)
    steps = [("poll", asked, "a", "::1"), ("repeat", 1), *between, ("poll", asked, "a", "::1")]
    assert play(Repeater(), steps) == play(Reader(), steps)


def test_an_equal_poll_from_another_address_is_told():
    asked = poll(mode=PollMode.INTERVAL)
    steps = [("poll", asked, "a", "::1"), ("poll", asked, "a", "::2")]
    assert play(Repeater(), steps) == play(Reader(), steps)


@pytest.mark.parametrize("mode", PollMode)
def test_a_device_at_rest_is_read_once(mode):
    reader = Repeater()
    play(reader, [("poll", poll(mode=mode), "a", "::1"), ("repeat", 5)])
    assert reader.repeated == 5


def test_only_the_number_may_differ():
    first, second = request(poll(sequence=10)), request(poll(sequence=11))
    assert poll_words(first) == poll_words(second) != 0
    others = [
        request(poll(sequence=100)),  # what stands behind it is one byte further on
        request(poll(sequence=11, configuration=2)),
        request(poll(sequence=11, instance="1" * 32)),
        second.replace(b"host", b"Host"),
        second + b"GET",
    ]
    assert not {poll_words(first)} & {poll_words(other) for other in others}


@pytest.mark.parametrize(
    "number", [b"", b"-1", b"01", b"1.5", b"1e3", b'"7"', b"\xd9\xa1", b"1 ", b"null", b"9" * 16]
)
def test_what_is_no_number_has_no_words(number):
    assert poll_words(request(poll()).replace(b'"sequence":1', b'"sequence":' + number)) == 0


@given(st.binary(max_size=200))
def test_any_bytes_have_words_or_none(data):
    assert isinstance(poll_words(data), int)


@pytest.mark.asyncio
async def test_a_certificate_is_looked_at_at_every_poll(tmp_path):
    async with running(tmp_path) as world:
        device = await world.device()
        for sequence in (1, 2):
            assert (
                await device.poll(poll(mode=PollMode.INTERVAL, sequence=sequence))
            ).status == 200
        world.relay.guard.revoked.add(world.relay.door.links.copy().pop().peer.serial)
        assert (await device.poll(poll(mode=PollMode.INTERVAL, sequence=3))).status == 403


@pytest.mark.asyncio
async def test_a_repeated_poll_may_be_the_last_of_its_connection(tmp_path):
    async with running(tmp_path) as world:
        for _ in range(2):  # on two connections, the very same request
            device = await world.device()
            body = poll(mode=PollMode.INTERVAL).to_json()
            answer = await device.ask("POST", "/v1/poll", body, connection="close")
            assert (answer.status, answer.keep_alive) == (200, False)
            assert await device.closed() == b""


@pytest.mark.asyncio
async def test_two_copies_of_a_device_are_found_though_each_repeats_itself(tmp_path):
    async with running(tmp_path) as world:
        one, other = await world.device(), await world.device()
        first, second = (
            poll("1" * 32, mode=PollMode.INTERVAL),
            poll("2" * 32, mode=PollMode.INTERVAL),
        )
        assert (await one.poll(first)).status == (await one.poll(first)).status == 200
        assert (await other.poll(second)).status == (await other.poll(second)).status == 200
        assert (await one.poll(first)).status == 200  # as what a process left on the way would be
        assert (await one.poll(first)).status == 403
