import pytest

from bedside.fleet.plan import Storm, Tally, parse_storm


def test_a_storm_obeys_the_span_unless_it_is_said_not_to():
    assert parse_storm("20") == Storm(20, obeys=True)
    assert parse_storm("20:rush") == Storm(20, obeys=False)
    assert parse_storm("20").delay_ms(0.5, 30) == 15_000
    assert parse_storm("20:rush").delay_ms(0.5, 30) == 0


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "20:", "20:soon", ":rush"])
def test_anything_else_is_no_storm(text):
    with pytest.raises(ValueError):
        parse_storm(text)


def test_a_storm_is_over_when_the_last_device_is_back():
    tally = Tally(2)
    tally.asked(0, 100, dialled_ms=90)
    tally.asked(1, 130, dialled_ms=100)
    assert (tally.served, tally.returns_ms) == (2, [])
    tally.storm(1_000)
    assert tally.served == 0
    tally.asked(0, 1_200, dialled_ms=1_150)
    tally.lost(0, "a: tls")
    tally.asked(1, 1_300, dialled_ms=1_290)
    assert tally.returns_ms == []
    tally.asked(0, 1_500, dialled_ms=1_480)
    assert (tally.served, tally.returns_ms, tally.failed) == (2, [500], 1)
    assert tally.causes == {"a: tls": 1}
    tally.asked(0, 9_000, dialled_ms=None)
    assert tally.returns_ms == [500]


def test_whom_a_relay_refuses_is_not_served():
    tally = Tally(1)
    tally.asked(0, 0, dialled_ms=None)
    tally.turned_away(0, "a: limit")
    assert (tally.served, tally.refused) == (0, 1)
    assert tally.causes == {"a: limit": 1}


def test_the_times_of_dials_are_ranked():
    tally = Tally(1)
    assert tally.dial_ms(0.99) == 0
    for took in (30, 10, 20):
        tally.asked(0, 100 + took, dialled_ms=100)
    assert (tally.dial_ms(0), tally.dial_ms(0.5), tally.dial_ms(0.99)) == (10, 20, 30)
