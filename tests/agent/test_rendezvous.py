"""Which relay a device prefers: evenly over a fleet, and moved as little as can be."""

from collections import Counter
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.rendezvous import in_order, weight
from bedside.protocol.shapes import Relay
from bedside.vocabulary import RelayName

DEVICES = [f"CI-{number:05}" for number in range(4_000)]


def relays(*names: str) -> list[Relay]:
    return [
        Relay(
            name=RelayName(name),
            host=f"{name}.example",
            server_name=f"{name}.example",
            ports=(443,),
        )
        for name in names
    ]


lists = st.lists(
    st.text("abcdefghij0123456789", min_size=1, max_size=8), min_size=1, max_size=8, unique=True
).map(lambda names: relays(*names))


def names(order) -> list[str]:
    return [relay.name for relay in order]


def test_the_weight_is_what_the_protocol_says():
    assert weight("CI-20417", "a") == sha256(b"CI-20417\na").digest()
    assert names(in_order("CI-20417", relays("a", "b", "c"))) == sorted(
        "abc", key=lambda name: weight("CI-20417", name), reverse=True
    )


@given(lists, st.randoms())
def test_the_order_is_the_devices_own_whatever_the_lists(listed, source):
    shuffled = list(listed)
    source.shuffle(shuffled)
    order = in_order("CI-20417", listed)
    assert in_order("CI-20417", shuffled) == order
    assert sorted(names(order)) == sorted(names(listed))


@given(lists)
def test_a_fleet_spreads_evenly(listed):
    first = Counter(in_order(device, listed)[0].name for device in DEVICES)
    share = len(DEVICES) / len(listed)
    # Seven standard deviations of a fair draw.
    reach = 7 * (share * (1 - 1 / len(listed))) ** 0.5
    assert set(first) == set(names(listed))
    assert all(abs(count - share) <= reach for count in first.values())


@given(lists, st.data())
def test_a_relay_fewer_moves_its_own_devices_only_and_a_relay_more_takes_its_share_only(
    listed, data
):
    gone = data.draw(st.sampled_from(listed))
    left = [relay for relay in listed if relay != gone]
    for device in DEVICES[:300]:
        with_it, without = in_order(device, listed), in_order(device, left)
        assert [relay for relay in with_it if relay != gone] == list(without)


def test_those_who_lose_a_relay_spread_over_all_others():
    listed = relays("a", "b", "c", "d")
    second = Counter(
        order[1].name for device in DEVICES if (order := in_order(device, listed))[0].name == "a"
    )
    assert set(second) == {"b", "c", "d"}
    assert min(second.values()) > 0.7 * max(second.values())


@given(lists, st.data())
def test_a_pinned_device_keeps_every_other_relay_behind(listed, data):
    pinned = data.draw(st.lists(st.sampled_from(names(listed)), unique=True))
    order = names(in_order("CI-20417", listed, [*pinned, "elsewhere"]))
    assert order[: len(pinned)] == pinned
    assert sorted(order) == sorted(names(listed))
