"""A supposed decision is the real one, for every combination that a person could ask for (S36)."""

import pytest

from bedside.console.access.simulation import Supposed, preview_rules, simulate
from bedside.console.devices.models import Device
from bedside.console.journal.actions import now_ms
from bedside.policy.facts import DEFAULT_START_RULES, RequestFacts
from bedside.vocabulary import AccessKind, Gate, Level, Mode
from tests.console.world import DEVICE, person

pytestmark = pytest.mark.usefixtures("fleet")


def asking(**changes):
    asked = {"access": AccessKind.SYSTEM, "mode": Mode.CONTROL, "duration_s": 600, "case": "C-1",
             "reason": "x"}  # fmt: skip
    return RequestFacts(**{**asked, **changes})


def decide_for(who, **changes):
    device = Device.objects.get(pk=DEVICE)
    return simulate(who, device, asking(**changes), at_ms=now_ms(), seen=True)


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


def test_only_people_who_hold_a_product_now_are_touched():
    names = {change.holder.name for change in preview_rules([], at_ms=now_ms())}
    assert names == {"Marie Tremblay", "Sam Okafor"}
    person("Sam").product_rights.update(end_ms=now_ms() - 1)
    names = {change.holder.name for change in preview_rules([], at_ms=now_ms())}
    assert names == {"Marie Tremblay"}
    assert preview_rules(DEFAULT_START_RULES, at_ms=now_ms()) == []
