"""A machine's clock is set, and who waits at a relay does not notice."""

import pytest

from bedside.relay.clock import SteadyClock

START_MS = 1_795_000_000_000
MINUTE_MS = 60_000


class Machine:
    """Two clocks, of which people set one."""

    def __init__(self) -> None:
        self.set_by = 0
        self.passed = 12_345
        self.clock = SteadyClock(
            lambda: (START_MS + self.passed + self.set_by) * 1_000_000,
            lambda: self.passed * 1_000_000,
        )

    def says_after(self, passed_ms: int, *, looks: int = 1) -> int:
        """Let time pass, ask so many times meanwhile, and return how far it is off what passed."""
        for _ in range(looks):
            self.passed += passed_ms // looks
            said = self.clock()
        return said - START_MS - self.passed


def test_a_clock_that_nobody_sets_is_the_machines():
    machine = Machine()
    assert machine.says_after(0) == 0
    assert machine.says_after(MINUTE_MS, looks=1000) == 0


@pytest.mark.parametrize("minutes", [5, -5])
def test_a_jump_is_followed_at_a_twentieth_of_what_passes(minutes):
    machine = Machine()
    machine.set_by = minutes * MINUTE_MS
    followed = machine.says_after(MINUTE_MS, looks=20)
    assert abs(followed) == pytest.approx(MINUTE_MS // 20, abs=20)
    assert (followed > 0) == (minutes > 0)
    assert machine.says_after(110 * MINUTE_MS, looks=1000) == minutes * MINUTE_MS


def test_it_never_goes_back():
    machine = Machine()
    machine.set_by = -5 * MINUTE_MS
    said = [machine.clock()]
    for _ in range(2000):
        machine.passed += 7
        said.append(machine.clock())
    assert said == sorted(said)


def test_however_often_it_is_asked_it_follows_as_fast():
    often, seldom = Machine(), Machine()
    for machine in (often, seldom):
        machine.set_by = MINUTE_MS
    busy, idle = often.says_after(20_000, looks=20_000), seldom.says_after(20_000)
    assert idle == pytest.approx(busy, abs=60)


@pytest.mark.parametrize("minutes", [9, -9, 600])
def test_a_jump_beyond_what_the_console_forgives_is_followed_at_once(minutes):
    machine = Machine()
    machine.set_by = minutes * MINUTE_MS
    assert machine.says_after(1000) == minutes * MINUTE_MS
