from hypothesis import given
from hypothesis import strategies as st

from bedside.console.monitoring.plan import RELAY_ALARM_MS, Facts, Raise, Silent, Step, plan
from bedside.vocabulary import AlarmScope

NOW = 1_763_900_000_000
MINUTE = 60_000
EVERYTHING = (AlarmScope.EVERYTHING, "")
SITE = (AlarmScope.SITE, "nd")


def silent(number: int, *, minutes=20, site="nd") -> Silent:
    return Silent(f"CI-{number}", site, "injector", NOW - minutes * MINUTE)


def device(number: int):
    return (AlarmScope.DEVICE, f"CI-{number}")


def step(*who, rules=None, monitored=(), muted=(), in_service=10, lost=None, open_=()) -> Step:
    facts = Facts(
        rules={EVERYTHING: 15} if rules is None else rules,
        monitored=frozenset(monitored),
        default_minutes=15,
        muted=frozenset(muted),
        silent=who,
        in_service={"nd": in_service, "sm": in_service},
        lost_relays=lost or {},
        open=frozenset(open_),
    )
    return plan(facts, now=NOW)


def keys(of: Step):
    return {alarm.key for alarm in of.raised}


def test_silence_is_an_alarm_after_its_minutes_and_told_once():
    assert step(silent(1, minutes=14)) == Step((), frozenset())
    raised = Raise(device(1), "nd", 1, NOW - 15 * MINUTE)
    assert step(silent(1, minutes=15)) == Step((raised,), frozenset())
    assert step(silent(1), open_=[device(1)]) == Step((), frozenset())


def test_who_is_back_ends_an_alarm():
    assert step(open_=[device(1)]) == Step((), frozenset({device(1)}))


def test_no_rule_is_no_alarm():
    assert step(silent(1), rules={}) == Step((), frozenset())


def test_a_monitored_product_needs_no_rule_and_any_rule_overrides_it():
    monitored = {"monitored": ["injector"]}
    assert not keys(step(silent(1, minutes=14), rules={}, **monitored))
    assert keys(step(silent(1, minutes=15), rules={}, **monitored)) == {device(1)}
    for rules in ({EVERYTHING: 60}, {EVERYTHING: 0}, {device(1): 60}):
        assert not keys(step(silent(1), rules=rules, **monitored))


def test_the_narrowest_rule_decides():
    rules = {EVERYTHING: 5, (AlarmScope.PRODUCT, "injector"): 60}
    assert not keys(step(silent(1), rules=rules))
    assert keys(step(silent(1), rules={**rules, SITE: 10})) == {device(1)}
    assert not keys(step(silent(1), rules={**rules, SITE: 10, device(1): 0}))


def test_what_is_muted_raises_nothing_and_ends_what_lasts():
    for muted in (device(1), SITE):
        assert step(silent(1), muted=[muted]) == Step((), frozenset())
        assert step(silent(1), muted=[muted], open_=[device(1)]).cleared == {device(1)}


def test_a_site_of_which_nearly_all_are_silent_is_one_alarm():
    most = [silent(number) for number in range(8)]
    assert keys(step(*most)) == {SITE}
    assert keys(step(*most[:7])) == {device(number) for number in range(7)}
    assert keys(step(silent(1), silent(2), in_service=2)) == {device(1), device(2)}
    (alarm,) = step(*most).raised
    assert (alarm.site, alarm.devices) == ("nd", 8)


def test_a_site_s_alarm_lasts_until_half_are_back_and_the_others_get_their_own():
    lasting = step(*[silent(number) for number in range(6)], open_=[SITE])
    assert lasting == Step((), frozenset())
    few = step(*[silent(number) for number in range(5)], open_=[SITE])
    assert few.cleared == {SITE}
    assert keys(few) == {device(number) for number in range(5)}


def test_beside_a_site_s_alarm_devices_keep_theirs():
    most = step(*[silent(number) for number in range(9)], open_=[device(1)])
    assert most == Step(most.raised, frozenset())
    assert keys(most) == {SITE}


def test_another_site_is_another_matter():
    both = step(*[silent(number) for number in range(9)], silent(99, site="sm"))
    assert keys(both) == {SITE, device(99)}


def test_a_lost_relay_is_an_alarm_by_itself_and_needs_no_rule():
    relay = (AlarmScope.RELAY, "a")
    assert not keys(step(lost={"a": NOW - RELAY_ALARM_MS + 1}, rules={}))
    assert keys(step(lost={"a": NOW - RELAY_ALARM_MS}, rules={})) == {relay}
    assert step(open_=[relay]).cleared == {relay}


@given(st.sets(st.integers(0, 30), max_size=30), st.integers(1, 31), st.booleans())
def test_one_turn_after_another_nothing_more_happens(numbers, in_service, muted):
    who = [silent(number) for number in numbers]
    mutes = [device(number) for number in numbers if muted and number % 2]
    first = step(*who, in_service=in_service, muted=mutes)
    assert step(*who, in_service=in_service, muted=mutes, open_=keys(first)) == Step(
        (), frozenset()
    )
