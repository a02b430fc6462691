"""A supposed decision is the real one, for every combination that a person could ask for (S36)."""

import pytest

from bedside.console.access.actions import do_save_start_rules
from bedside.console.access.queries import newest_policy, stored_policy
from bedside.console.access.simulation import Supposed, preview_rules, simulate
from bedside.console.devices.models import Device
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from bedside.policy.facts import DEFAULT_START_RULES, RequestFacts
from bedside.vocabulary import AccessKind, Gate, Level, Mode, SiteAction, SiteRule
from tests.console.pages.reader import ask
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, person

pytestmark = pytest.mark.usefixtures("fleet")


def asking(**changes):
    asked = {"access": AccessKind.SYSTEM, "mode": Mode.CONTROL, "duration_s": 600, "case": "C-1",
             "reason": "x"}  # fmt: skip
    return RequestFacts(**{**asked, **changes})


def decide_for(who, **changes):
    device = Device.objects.get(pk=DEVICE)
    return simulate(who, device, asking(**changes), files=None, at_ms=now_ms(), seen=True)


@pytest.mark.parametrize("country", ["US", "CA", "FR", None])
@pytest.mark.parametrize("level", [*Level, None])
@pytest.mark.parametrize("joins", [False, True])
def test_level_and_country_as_s36_and_s37_say(country, level, joins):
    decision = decide_for(Supposed(level=level, country=country), joins=joins)
    starts = level is not None and country == "US"
    expected = starts or (joins and level is Level.THREE and country == "CA")
    assert decision.allowed == expected


def test_patient_data_by_the_profile():
    device = Device.objects.select_related("product").get(pk=DEVICE)
    device.product.profile = device.product.profile.replace(
        "[access.system]", "[access.system]\npatient_data = true"
    )
    device.product.save()
    who = Supposed(level=Level.TWO, country="US")
    assert [reason.gate for reason in decide_for(who).refusals] == [Gate.PATIENT_DATA]
    with_right = Supposed(level=Level.TWO, country="US", patient_data=True)
    assert decide_for(with_right).allowed


IN, OUT = SiteAction.FILES_IN, SiteAction.FILES_OUT


@pytest.mark.parametrize("files", [None, frozenset(), {IN}, {OUT}, {IN, OUT}])
@pytest.mark.parametrize(
    "said", [SiteRule.ALLOW, SiteRule.ASK_DEVICE, SiteRule.ASK_SITE, SiteRule.DENY]
)
def test_files_are_refused_or_left_out_as_a_real_request_does_it(said, files):
    """Files that are named are asked for, denied or not; unnamed, the site's own way."""
    hand = SiteHand()
    hand.register()
    hand.publish(rules={IN: said})
    asked = None if files is None else frozenset(files)
    device = Device.objects.get(pk=DEVICE)
    supposed = simulate(person("Marie"), device, asking(), files=asked, at_ms=now_ms(), seen=True)
    real = ask(files=asked).decision
    assert (
        supposed.allowed is real["allowed"] is not (said is SiteRule.DENY and IN in (files or ()))
    )
    assert [str(each) for each in supposed.obligations] == real["obligations"]
    for gate in (Gate.SITE_POLICY, Gate.SITE_WINDOW, Gate.CHANGE_TICKET):
        facts = next(each["facts"] for each in real["reasons"] if each["gate"] == gate)
        assert next(each.fields for each in supposed.reasons if each.gate is gate) == facts


def test_whoever_joins_to_watch_is_given_no_files():
    decision = decide_for(Supposed(level=Level.THREE, country="CA"), joins=True, mode=Mode.VIEW)
    (site,) = (each for each in decision.reasons if each.gate is Gate.SITE_POLICY)
    assert site.fields["ruled"] == "system_view=ask_device"


def test_the_rules_have_a_number_at_each_saving_and_decisions_name_it():
    before, _rules = stored_policy()
    do_save_start_rules(DEFAULT_START_RULES, acting_user=person("Alex"))
    policy, rules = stored_policy()
    assert policy > before
    assert [rule.number for rule in rules] == [1, 2, 3, 4]
    assert newest_policy().saved_by == "Alex Martin"
    decision = decide_for(Supposed(level=Level.TWO, country="US"))
    (country,) = (each.fields for each in decision.reasons if each.gate is Gate.COUNTRY)
    named = rules[country["rule"] - 1]
    assert (country["policy"], named.level, named.country) == (policy, Level.TWO, "US")
    do_save_start_rules([], acting_user=person("Alex"))
    assert stored_policy() == (policy + 1, ())
    row = JournalRow.objects.filter(action="access:rule:changed").latest("id")
    assert f'"serial":{policy}'.encode() in bytes(row.entry)


def test_only_people_who_hold_a_product_now_are_touched():
    names = {change.holder.name for change in preview_rules([], at_ms=now_ms())}
    assert names == {"Marie Tremblay", "Sam Okafor"}
    person("Sam").product_rights.update(end_ms=now_ms() - 1)
    names = {change.holder.name for change in preview_rules([], at_ms=now_ms())}
    assert names == {"Marie Tremblay"}
    assert preview_rules(DEFAULT_START_RULES, at_ms=now_ms()) == []
