"""A policy counts only as the site signed it, for this site, and never an older one again."""

import fcntl
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.agent.config import AgentConfig
from bedside.agent.site.book import SiteBook, SitePolicyError, open_policy
from bedside.agent.site.plan import HOUSE_DEFAULT, SiteFacts
from bedside.agent.site.state import Floor, SiteFiles, SiteTrust
from bedside.pki.signing import ORDER, KeySigner, public_key_pem, sign_envelope
from bedside.vocabulary import Gate
from tests.agent.site.kit import (
    AHMED,
    JULIE,
    SITE_KEY,
    STRANGER,
    STRICT,
    TRUST,
    approved,
    asked,
    new_site_key,
    signed,
)

SIGNED = signed(STRICT)


class Device:
    """One device's files, and what was journalled."""

    def __init__(self, folder: Path, *, patience_s: float = 2.0) -> None:
        self.folder = folder
        (folder / "state").mkdir()
        config = AgentConfig(
            state_dir=folder / "state",
            run_dir=folder / "run",
            profile=folder / "profile.toml",
            manufacturer_key=folder / "maker.pub",
            site_trust=folder / "site.json",
        )
        self.files = SiteFiles(config, patience_s=patience_s)
        self.book = SiteBook(self.files)
        self.journal: list[str] = []

    def trust(self, trust: SiteTrust = TRUST, floor: int = 0) -> None:
        self.book.trust(trust, floor, lambda: self.journal.append("trusted"))

    def adopt(self, envelope: bytes) -> int | None:
        applied = self.book.adopt(envelope, lambda policy: self.journal.append(str(policy.serial)))
        return applied and applied.serial

    def refusal(self, envelope: bytes) -> tuple[Gate, str]:
        before = list(self.journal)
        with pytest.raises(SitePolicyError) as refused:
            self.adopt(envelope)
        assert self.journal == before
        return refused.value.gate, refused.value.code

    @property
    def fault(self) -> Gate | None:
        return self.book.say().fault


@pytest.fixture
def device(tmp_path):
    return Device(tmp_path)


def test_a_device_without_a_key_of_the_site_has_the_house_s_default_and_takes_no_policy(device):
    assert device.book.say() == HOUSE_DEFAULT
    assert device.refusal(SIGNED) == (Gate.SITE_POLICY_SIGNATURE, "no_key")
    assert device.book.say() == HOUSE_DEFAULT


def test_a_key_without_a_policy_lets_nobody_in_and_the_policy_opens(device):
    device.trust()
    assert device.fault is Gate.SITE_POLICY
    assert device.adopt(SIGNED) == 3
    assert device.book.say() == SiteFacts(policy=STRICT)
    assert device.journal == ["trusted", "3"]
    assert device.files.number() == 3


def test_the_same_policy_again_is_no_news(device):
    device.trust()
    device.adopt(SIGNED)
    assert device.adopt(SIGNED) is None
    assert device.journal == ["trusted", "3"]


FORGED = {
    "by another key": (signed(STRICT, new_site_key()), "unknown_key"),
    "of another site": (signed(replace(STRICT, serial=9, site="st-luc")), "other_site"),
    "of another kind": (sign_envelope(STRICT.to_bytes(), ORDER, KeySigner(SITE_KEY)), "payload_type"),
    "no policy": (sign_envelope(b"{}", "application/vnd.bedside.site-policy+json",
                                KeySigner(SITE_KEY)), "document"),
    "no envelope": (b"[]", "malformed"),
    "nothing": (b"", "malformed"),
}  # fmt: skip


@pytest.mark.parametrize("forged", FORGED)
def test_a_policy_that_is_not_the_site_s_is_refused_and_changes_nothing(device, forged):
    device.trust()
    device.adopt(SIGNED)
    envelope, code = FORGED[forged]
    assert device.refusal(envelope) == (Gate.SITE_POLICY_SIGNATURE, code)
    assert device.book.say() == SiteFacts(policy=STRICT)


@given(st.integers(0, len(SIGNED) * 8 - 1))
def test_no_bit_of_it_may_differ(bit):
    bent = bytearray(SIGNED)
    bent[bit // 8] ^= 1 << bit % 8
    try:
        found: object = open_policy(bytes(bent), TRUST)
    except SitePolicyError as error:
        found = error.gate
    # A bit of the envelope may say nothing: then it is the policy that was signed.
    assert found in (Gate.SITE_POLICY_SIGNATURE, STRICT)


@pytest.mark.parametrize("serial", [1, 2, 3])
def test_an_older_policy_is_refused_and_so_is_another_with_the_same_number(device, serial):
    device.trust()
    device.adopt(SIGNED)
    older = signed(replace(STRICT, serial=serial, ticket=()))
    assert device.refusal(older) == (Gate.SITE_POLICY_OLD, "old")
    assert device.adopt(signed(replace(STRICT, serial=4))) == 4
    assert device.refusal(SIGNED) == (Gate.SITE_POLICY_OLD, "old")


def test_an_older_policy_put_back_on_the_disk_opens_nothing(device):
    device.trust()
    device.adopt(SIGNED)
    newer = signed(replace(STRICT, serial=4))
    device.adopt(newer)
    device.files.keep_policy(SIGNED)
    assert device.fault is Gate.SITE_POLICY_OLD
    assert device.adopt(newer) == 4  # the same again heals it
    assert device.fault is None


def test_what_was_changed_on_the_disk_opens_nothing(device):
    device.trust()
    device.adopt(SIGNED)
    stored = device.folder / "state/site/policy.json"
    for data in (SIGNED.replace(b"c2lnbmF0dXJl", b"AAAA")[:-9], b"", os.urandom(99), b"{}"):
        stored.write_bytes(data)
        assert device.fault is Gate.SITE_POLICY_SIGNATURE
    stored.unlink()
    assert device.fault is Gate.SITE_POLICY_SIGNATURE
    device.adopt(SIGNED)
    assert device.fault is None


@pytest.mark.parametrize("name", ["site.json", "state/site/floor.json"])
def test_what_was_taken_away_does_not_bring_the_house_s_default_back(device, name):
    device.trust()
    device.adopt(SIGNED)
    for data in (b"[]", b"{}", None):
        (device.folder / name).unlink()
        if data is not None:
            (device.folder / name).write_bytes(data)
        assert device.fault is Gate.SITE_POLICY_SIGNATURE
    with pytest.raises(SitePolicyError):
        device.adopt(signed(replace(STRICT, serial=9)))


def test_another_key_takes_over_above_the_old_number(device):
    device.trust()
    device.adopt(SIGNED)
    following = new_site_key()
    device.trust(SiteTrust(site="notre-dame", public_key=public_key_pem(following.public_key())), 3)
    assert device.fault is Gate.SITE_POLICY_SIGNATURE
    assert device.refusal(signed(STRICT, following)) == (Gate.SITE_POLICY_OLD, "old")
    assert device.adopt(signed(replace(STRICT, serial=4), following)) == 4
    assert device.fault is None
    assert device.refusal(signed(replace(STRICT, serial=5)))[1] == "unknown_key"


def test_a_change_of_key_that_was_cut_off_opens_nothing_until_it_is_done_again(device):
    device.trust()
    device.adopt(SIGNED)
    following = new_site_key()
    new = SiteTrust(site="notre-dame", public_key=public_key_pem(following.public_key()))
    device.files.keep_floor(Floor(key_id=KeySigner(following).key_id, serial=3, digest=None))
    assert device.fault is Gate.SITE_POLICY_SIGNATURE
    assert device.refusal(signed(replace(STRICT, serial=4))) == (
        Gate.SITE_POLICY_SIGNATURE,
        "floor",
    )
    device.trust(new, 3)
    assert device.adopt(signed(replace(STRICT, serial=4), following)) == 4


def test_who_approved_is_who_verifiably_did(device):
    device.trust()
    device.adopt(SIGNED)
    order = asked()
    both = device.book.facts(approved(order, JULIE, AHMED))
    assert [each.name for each in both.approvers] == ["Julie Gagnon", "Ahmed Diallo"]
    assert both.unverified == 0
    other = approved(asked(case="C-1"), JULIE).approvals
    mixed = device.book.facts(replace(order, approvals=other))
    assert (mixed.approvers, mixed.unverified, mixed.misapplied) == ((), 1, 1)
    strange = device.book.facts(approved(order, STRANGER, JULIE))
    assert ([each.id for each in strange.approvers], strange.unverified) == (["p9"], 1)
    assert strange.misapplied == 0
    # What says that it is for another order, and no enrolled key gave, is a forgery.
    forged = replace(other[0], signature=b"\x30\x06\x02\x01\x01\x02\x01\x01")
    faked = device.book.facts(replace(order, approvals=(forged,)))
    assert (faked.unverified, faked.misapplied) == (1, 0)


def test_where_no_key_is_trusted_nobody_approved(device):
    facts = device.book.facts(approved(asked(), JULIE))
    assert (facts.approvers, facts.unverified) == ((), 1)


def test_who_waits_too_long_for_the_files_is_refused(tmp_path):
    device = Device(tmp_path, patience_s=0.01)
    device.trust()
    device.adopt(SIGNED)
    with (device.folder / "state/site/lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert device.fault is Gate.SITE_POLICY_SIGNATURE
        with pytest.raises(OSError, match="temporarily"):
            device.adopt(signed(replace(STRICT, serial=4)))
    assert device.fault is None
