from dataclasses import replace

import pytest

from bedside.protocol.batch import TunnelClosed, TunnelOpened
from bedside.protocol.feed import TunnelOffered
from bedside.protocol.tunnel import TunnelRequest, proof, proof_digests
from bedside.relay.pairing import (
    Budget,
    CloseReason,
    End,
    Leg,
    Pair,
    Pairing,
    PairingLimits,
    Refuse,
    Side,
    Tell,
    Traffic,
)
from bedside.vocabulary import DeviceId, Ending, Gate, SessionId

NOW = 1_000_000
SESSION = SessionId("01JD0000000000000000000000")
OTHER = SessionId("01JD0000000000000000000001")
DEVICE = DeviceId("CI-20417")
SEED = bytes(32)
TERMS = TunnelOffered(
    session=SESSION,
    device=DEVICE,
    device_proofs=proof_digests(SEED, "device"),
    specialist_proofs=proof_digests(SEED, "specialist"),
    not_after_ms=NOW + 3_600_000,
    idle_s=600,
    max_bytes=1_000,
)
assert Ending  # the console's word; the relay's own words are CloseReason


def machine(**limits) -> Pairing:
    pairing = Pairing(PairingLimits(**limits))
    assert pairing.offer(TERMS, NOW) == []
    return pairing


def device(pairing, key="d0", index=0, *, owner=DEVICE, shown=None, session=SESSION, now=NOW):
    asked = TunnelRequest(session, index, shown or proof(SEED, "device", index))
    return pairing.arrive(Leg(key, Side.DEVICE, owner), asked, now)


def specialist(pairing, key="s0", index=0, *, owner=SESSION, shown=None, session=SESSION, now=NOW):
    asked = TunnelRequest(session, index, shown or proof(SEED, "specialist", index))
    return pairing.arrive(Leg(key, Side.SPECIALIST, owner), asked, now)


def refusal(key, *, retry=0, late=False):
    return [Refuse(key, 403, Gate.TUNNEL_PROOF, retry, late)]


def test_two_legs_meet():
    pairing = machine()
    assert device(pairing) == []
    pair, told = specialist(pairing)
    assert (pair.session, pair.index) == (SESSION, 0)
    assert (pair.device, pair.specialist) == ("d0", "s0")
    assert pair.idle_ms == 600_000
    assert told == Tell(TunnelOpened(session=SESSION, index=0, at_ms=NOW))
    assert pairing.counts == {"sessions": 1, "waiting": 0, "active": 1}


def test_the_specialist_may_come_first():
    pairing = machine()
    assert specialist(pairing) == []
    assert device(pairing)[0].specialist == "s0"


def test_legs_pair_first_come_first_served_and_pairs_are_counted():
    pairing = machine()
    for index in range(3):
        device(pairing, f"d{index}", index)
    met = [specialist(pairing, f"s{index}", index)[0] for index in range(3)]
    assert [(pair.index, pair.device, pair.specialist) for pair in met] == [
        (0, "d0", "s0"),
        (1, "d1", "s1"),
        (2, "d2", "s2"),
    ]


def test_all_connections_of_a_session_share_one_budget():
    pairing = machine()
    pairs = []
    for index in range(2):
        device(pairing, f"d{index}", index)
        pairs.append(specialist(pairing, f"s{index}", index)[0])
    assert pairs[0].budget.spend(600)
    assert not pairs[1].budget.spend(600)


def test_an_exact_budget_is_enough():
    budget = Budget(10)
    assert budget.spend(10)
    assert not budget.spend(1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"owner": DeviceId("CI-20418")},
        {"shown": proof(SEED, "specialist", 0)},
        {"shown": proof(SEED, "device", 1)},
        {"shown": "0" * 64},
    ],
    ids=["another device", "the other side's proof", "another index", "a guess"],
)
def test_a_leg_without_right_is_refused_beside_one_with(wrong):
    pairing = machine()
    assert device(pairing, "wrong", **wrong) == refusal("wrong")
    assert device(pairing, "right") == []


def test_a_specialist_of_another_session_is_refused():
    pairing = machine()
    assert specialist(pairing, "wrong", owner=OTHER) == refusal("wrong")


def test_a_device_cannot_take_the_specialists_side_of_its_own_session():
    pairing = machine()
    leg = Leg("wrong", Side.DEVICE, DEVICE)
    asked = TunnelRequest(SESSION, 0, proof(SEED, "specialist", 0))
    assert pairing.arrive(leg, asked, NOW) == refusal("wrong")


def test_an_index_beyond_the_proofs_that_were_told_is_refused():
    pairing = Pairing(PairingLimits())
    pairing.offer(replace(TERMS, device_proofs=TERMS.device_proofs[:2]), NOW)
    assert device(pairing, "wrong", 2) == refusal("wrong")
    assert device(pairing, "right", 1) == []


def test_a_proof_is_refused_while_its_leg_waits_and_after_it_was_paired():
    pairing = machine()
    device(pairing)
    assert device(pairing, "replayed") == refusal("replayed")
    specialist(pairing)
    assert device(pairing, "replayed") == refusal("replayed")
    assert specialist(pairing, "replayed") == refusal("replayed")


def test_a_proof_is_free_again_when_its_leg_left_unpaired():
    pairing = machine()
    device(pairing)
    assert pairing.depart("d0") == []
    assert device(pairing, "d1") == []
    assert specialist(pairing)[0].device == "d1"


def test_an_unpaired_leg_lapses_and_may_come_again_with_the_same_proof():
    pairing = machine(unpaired_ms=30_000)
    device(pairing)
    assert pairing.tick(NOW + 29_999) == []
    assert pairing.tick(NOW + 30_050) == [Refuse("d0", 504, Gate.LIMIT)]
    assert device(pairing, "d1", now=NOW + 30_100) == []
    assert specialist(pairing, now=NOW + 30_100)[0].device == "d1"


def test_an_unknown_session_may_be_tried_again_shortly():
    pairing = machine(unknown_retry_ms=700)
    assert device(pairing, "early", session=OTHER) == refusal("early", retry=700)


def test_a_session_has_a_most_of_connections():
    pairing = machine(connections=1)
    device(pairing)
    specialist(pairing)
    assert device(pairing, "d1", 1) == [Refuse("d1", 403, Gate.LIMIT)]


def test_what_the_console_ends_ends_at_once_and_stays_ended():
    pairing = machine()
    device(pairing)
    specialist(pairing)
    device(pairing, "spare", 1)
    assert pairing.end(SESSION, NOW) == [
        Refuse("spare", 403, Gate.TUNNEL_PROOF, late=True),
        End(SESSION, 0, CloseReason.ENDED),
    ]
    assert pairing.end(SESSION, NOW) == []
    assert device(pairing, "later", 2) == refusal("later", late=True)
    pairing.offer(TERMS, NOW)
    assert device(pairing, "revived", 3) == refusal("revived", late=True)


def test_of_a_session_that_is_over_only_who_had_a_right_to_it_is_merely_late():
    pairing = machine()
    device(pairing)
    specialist(pairing)
    pairing.end(SESSION, NOW)
    assert device(pairing, "late", 1) == refusal("late", late=True)
    assert device(pairing, "again", 0) == refusal("again")
    assert device(pairing, "other", 1, owner="CI-20418") == refusal("other")
    assert device(pairing, "guess", 1, shown=proof(SEED, "device", 2)) == refusal("guess")


def test_a_session_ends_by_itself_at_its_last_moment():
    pairing = machine()
    device(pairing)
    specialist(pairing)
    assert End(SESSION, 0, CloseReason.EXPIRED) not in pairing.tick(TERMS.not_after_ms - 1)
    assert pairing.tick(TERMS.not_after_ms + 1_000) == [End(SESSION, 0, CloseReason.EXPIRED)]
    assert pairing.counts["sessions"] == 0


def test_a_session_that_is_over_is_not_taken_in():
    pairing = Pairing(PairingLimits())
    pairing.offer(TERMS, TERMS.not_after_ms)
    assert pairing.known() == frozenset()


def test_an_ended_session_is_forgotten_after_its_last_moment():
    pairing = machine(unknown_retry_ms=700)
    pairing.end(SESSION, NOW)
    pairing.tick(TERMS.not_after_ms + 1_000)
    assert device(pairing, "late") == refusal("late", retry=700)


def test_the_number_of_sessions_is_bounded():
    pairing = machine(sessions=1)
    pairing.offer(replace(TERMS, session=OTHER), NOW)
    assert pairing.known() == {SESSION}


def test_the_same_offer_again_keeps_what_was_used():
    pairing = machine()
    device(pairing)
    specialist(pairing)
    pairing.offer(TERMS, NOW)
    assert device(pairing, "replayed") == refusal("replayed")


def test_the_end_of_a_connection_is_told_with_its_bytes():
    pairing = machine()
    device(pairing)
    pair = specialist(pairing)[0]
    assert isinstance(pair, Pair)
    told = pairing.closed(pair, Traffic(11, 22), CloseReason.BY_DEVICE, NOW + 5)
    assert told == [
        Tell(
            TunnelClosed(
                session=SESSION,
                index=0,
                at_ms=NOW + 5,
                bytes_from_device=11,
                bytes_from_specialist=22,
                reason="by_device",
            )
        )
    ]
    assert pairing.counts["active"] == 0


def test_departing_twice_or_after_being_paired_changes_nothing():
    pairing = machine()
    device(pairing)
    specialist(pairing)
    assert pairing.depart("d0") == []
    assert pairing.depart("nobody") == []
    assert pairing.counts["active"] == 1


def test_a_relay_that_drains_takes_no_new_session_and_goes_on_with_what_it_knows():
    pairing = machine()
    pairing.drain()
    assert pairing.offer(replace(TERMS, session=OTHER), NOW) == []
    assert device(pairing, session=OTHER) == refusal("d0", retry=1000)
    assert device(pairing) == []
    assert isinstance(specialist(pairing)[0], Pair)
