"""Support contacts cross the wire within their limits."""

from dataclasses import replace

import pytest

from bedside.protocol.codec import Fields
from bedside.protocol.errors import LimitError
from bedside.protocol.orders import MAX_DOCUMENT
from bedside.protocol.support import SupportContact, read_contacts
from tests.protocol.samples import CONFIGURATION, CONTACT


def test_a_contact_reads_back_with_and_without_what_may_be_left_out():
    for contact in (CONTACT, replace(CONTACT, email=None, hours=None)):
        assert SupportContact.from_fields(Fields(contact.to_dict())) == contact


def test_more_or_longer_ones_are_refused():
    told = CONTACT.to_dict()
    assert read_contacts(Fields({"contacts": [told] * 2})) == (CONTACT,) * 2
    with pytest.raises(LimitError):
        read_contacts(Fields({"contacts": [told] * 3}))
    for name in ("country", "name", "telephone", "email", "hours"):
        with pytest.raises(LimitError):
            read_contacts(Fields({"contacts": [{**told, name: "1" * 300}]}))


def test_the_longest_ones_leave_a_configuration_small_enough():
    longest = replace(CONTACT, name="—" * 120, hours="—" * 120, email="é" * 254)
    assert len(replace(CONFIGURATION, contacts=(longest,) * 2).to_bytes()) < MAX_DOCUMENT / 4
