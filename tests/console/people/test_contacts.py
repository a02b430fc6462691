"""Whom a device's people call: one signed configuration for each device that it concerns (S55)."""

import pytest
from django.core.exceptions import ValidationError

from bedside.console.accounts.actions import ContactDetails
from bedside.console.accounts.models import Organisation
from bedside.console.accounts.queries import contacts_carried
from bedside.console.devices.actions import do_send_due_configurations
from bedside.console.devices.models import Device
from bedside.console.devices.queries import device_facts
from bedside.console.enrolment.queries import identity
from bedside.console.journal.actions import now_ms
from bedside.console.people.actions import do_save_organisation
from bedside.console.project.world import WorldError, apply_world
from bedside.protocol.support import SupportContact
from tests.console.world import DEVICE, FOREIGN, person

pytestmark = pytest.mark.usefixtures("fleet")
CANADA = ContactDetails(
    country="CA", name="Centre de soutien, Montréal", telephone="+1 514 555 0199",
    hours="mon-fri 08:00-20:00",
)  # fmt: skip
HOME = ContactDetails(country="US", name="Support centre", telephone="+1 312 555 0100")
FRANCE = ContactDetails(country="FR", name="Centre de soutien, Lyon", telephone="+33 4 70 00 00 00")


def name(*contacts: ContactDetails) -> None:
    home = Organisation.objects.get(pk="bayard-imaging")
    do_save_organisation(home, contacts, acting_user=person("Alex"))


def serial(device: str = DEVICE) -> int:
    known = identity(device)
    return known.configuration_serial if known else 0


def due() -> set[str]:
    return set(Device.objects.filter(configuration_due=True).values_list("pk", flat=True))


def test_a_device_carries_its_own_country_s_contact_or_the_manufacturer_s_own():
    assert contacts_carried("CA") == ()
    name(FRANCE)
    assert contacts_carried("CA") == ()
    name(FRANCE, HOME)
    assert [each.country for each in contacts_carried("CA")] == ["US"]
    name(FRANCE, HOME, CANADA)
    assert device_facts(DEVICE).contacts == (
        SupportContact(
            country="CA", name="Centre de soutien, Montréal", telephone="+1 514 555 0199",
            email=None, hours="mon-fri 08:00-20:00",
        ),
    )  # fmt: skip
    assert [each.country for each in contacts_carried("US")] == ["US"]


def test_devices_of_the_country_are_told_and_no_others():
    Device.objects.filter(pk=FOREIGN).update(state="enrolled")
    before = serial()
    name(CANADA)
    assert (due(), serial()) == ({DEVICE}, before)
    assert do_send_due_configurations(now=now_ms()) == 1
    assert (due(), serial()) == (set(), before + 1)
    name(CANADA)
    assert due() == set()
    name(CANADA, HOME)
    assert due() == {FOREIGN}
    do_send_due_configurations(now=now_ms())
    name()
    assert due() == {DEVICE, FOREIGN}
    do_send_due_configurations(now=now_ms())
    assert (due(), serial()) == (set(), before + 2)


def test_a_site_s_devices_are_told_its_new_name_and_its_new_country_s_contact():
    name(CANADA, HOME)
    do_send_due_configurations(now=now_ms())
    before = serial()
    site = Organisation.objects.get(pk="notre-dame")
    do_save_organisation(site, None, acting_user=person("Alex"))
    assert due() == set()
    site.name, site.country = "Hôpital de la Rive", "US"
    do_save_organisation(site, None, acting_user=person("Alex"))
    assert due() == {DEVICE}
    do_send_due_configurations(now=now_ms())
    assert serial() == before + 1
    facts = device_facts(DEVICE)
    assert (facts.site.name, facts.contacts[0].country) == ("Hôpital de la Rive", "US")


def test_a_refused_contact_changes_nothing_at_all():
    name(CANADA)
    do_send_due_configurations(now=now_ms())
    for bent in ({"telephone": "call us"}, {"country": "ca"}, {"name": "a\u202eb"}):
        with pytest.raises(ValidationError):
            name(CANADA, ContactDetails(**{**vars(HOME), **bent}))
    with pytest.raises(ValidationError):
        name(CANADA, CANADA)
    assert due() == set()
    assert [each.name for each in contacts_carried("CA")] == [CANADA.name]


WORLD = """
[[organisations]]
key = "bayard-imaging"
name = "Bayard Imaging"
kind = "manufacturer"
country = "US"
language = "en"
"""
CONTACTS = (
    'contacts = [{ country = "CA", name = "Montréal", telephone = "+1 514 555 0199", '
    'hours = "24/7" }]\n'
)


def test_a_world_file_names_contacts_or_leaves_them_and_the_ways_to_sign_in():
    home = Organisation.objects.filter(pk="bayard-imaging")
    home.update(passkey_roles=["administrator"])
    apply_world((WORLD + CONTACTS).encode(), acting_user=person("Alex"))
    assert [(each.name, each.hours) for each in contacts_carried("CA")] == [("Montréal", "24/7")]
    apply_world(WORLD.encode(), acting_user=person("Alex"))
    assert [each.name for each in contacts_carried("CA")] == ["Montréal"]
    assert home.get().passkey_roles == ["administrator"]
    for bent in ("more = 1,", 'email = "no",'):
        with pytest.raises(WorldError):
            apply_world(
                (WORLD + CONTACTS.replace("{", "{ " + bent)).encode(), acting_user=person("Alex")
            )
