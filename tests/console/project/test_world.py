import tomllib

import pytest

from bedside.audit.entry import SYSTEM
from bedside.console.access.models import Entitlement, ProductRight, StartRule
from bedside.console.accounts.models import Organisation, User
from bedside.console.devices.models import Device
from bedside.console.devices.queries import device_facts
from bedside.console.journal.models import JournalRow
from bedside.console.project.world import WorldError, apply_world
from tests.console.world import DEVICE, WORLD, person

pytestmark = pytest.mark.usefixtures("world")


def counts() -> list[int]:
    models = (Organisation, User, Device, Entitlement, ProductRight, StartRule, JournalRow)
    return [model.objects.count() for model in models]


def test_a_world_applied_again_changes_nothing_and_journals_nothing():
    before = counts()
    stated = apply_world(WORLD.encode(), acting_user=SYSTEM)
    assert stated == {
        "organisations": 3,
        "people": 4,
        "devices": 2,
        "relay_pins": 0,
        "entitlements": 1,
        "start_rules": 0,
    }
    assert counts() == before


def test_a_change_in_the_file_is_one_change():
    before = counts()
    changed = WORLD.replace("level = 2", "level = 3").replace('room = "3"', 'room = "4"')
    apply_world(changed.encode(), acting_user=SYSTEM)
    assert person("Marie").level == 3
    after = counts()
    assert after[:-1] == before[:-1]
    assert after[-1] == before[-1] + 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('product = "workstation"\nsite', 'product = "unknown"\nsite'),
        ('site = "st-mary"', 'site = "nowhere"'),
        ('timezone = "America/Toronto"', 'timezone = "Mars/Base"'),
        ('country = "CA"', 'country = "ZZ"'),
        ("[[devices]]", '[[start_rules]]\nlevel = 3\ncountry = "ZZ"\nstart = []\n[[devices]]'),
        ('id = "WS-00311"', 'id = "ws 311"'),
        ('id = "WS-00311"', 'serial = "WS-00311"'),
        ('role = "specialist"', 'role = "god"'),
        ('vetted_on = "2025-02-03"', 'vetted_on = "yesterday"'),
        ('from = "2025-01-01"', 'from = "2025-01-01"\nuntil = "2024-01-01"'),
        ('email = "sam@bayard.example"', 'email = "not an address"'),
        ("[[devices]]", "[[machines]]"),
        ("[[organisations]]", "[[organisations"),
    ],
)
def test_a_file_with_one_wrong_value_is_refused_whole(old, new):
    assert old in WORLD
    before = counts()
    text = WORLD.replace(old, new).replace("Alex Martin", "Alexander Martin")
    with pytest.raises(WorldError):
        apply_world(text.encode(), acting_user=SYSTEM)
    assert counts() == before
    assert User.objects.filter(name="Alex Martin").exists()


def test_a_weak_password_is_refused():
    for password in ("short", "newperson@bayard.example", "x" * 300):
        text = (
            WORLD
            + f"""
[[people]]
email = "newperson@bayard.example"
name = "New Person"
organisation = "bayard-imaging"
password = "{password}"
"""
        )
        with pytest.raises(WorldError):
            apply_world(text.encode(), acting_user=SYSTEM)


@pytest.mark.usefixtures("fleet")
def test_a_pin_names_one_of_its_scopes_and_relays_that_are_there():
    pin = '\n[[relay_pins]]\nsite = "notre-dame"\nrelays = {}\n'
    for relays in ('["a"]', '["a"]', "[]"):
        apply_world((WORLD + pin.format(relays)).encode(), acting_user=SYSTEM)
        assert device_facts(DEVICE).preferred == tuple(tomllib.loads(f"x = {relays}")["x"])
    for wrong in (pin.format('["z"]'), pin.replace("site", "device").format('["a"]')):
        with pytest.raises(WorldError):
            apply_world((WORLD + wrong).encode(), acting_user=SYSTEM)
    both = pin.replace("relays", 'country = "CA"\nrelays').format('["a"]')
    with pytest.raises(WorldError):
        apply_world((WORLD + both).encode(), acting_user=SYSTEM)
