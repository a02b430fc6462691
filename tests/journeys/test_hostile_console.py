"""A console that is owned, against a site with a key of its own (issue 3, "what it must show", 3).

It signs whatever a console signs. It forges an approval, drops one, replays one on another order,
and writes the site's policy: each time the device refuses by a name, beside the same thing done
right, which asks the person at the device.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bedside.agent.identity import load_identity
from bedside.demo.check import Journey
from bedside.demo.processes import wait_for
from bedside.pki.fingerprints import fingerprint_words
from bedside.pki.signing import SITE_POLICY, KeySigner, public_key_pem, sign_envelope
from bedside.protocol.orders import SessionOrder
from bedside.protocol.site import SitePolicy
from bedside.relay.clock import wall_ms
from bedside.testing.passkey import Passkey
from bedside.vocabulary import SessionId, SiteAction, SiteRule
from tests.journeys.attacker import Attacker
from tests.journeys.play import device_ending
from tests.journeys.records import Record, device_records, gates
from tests.journeys.test_key_holder import MINUTE_MS, KeyHolder

PAGE = {"rp_id": "console.example", "origin": "https://console.example"}
JULIE = Passkey("p9", "Julie Gagnon", **PAGE)


class Hospital:
    """The site: its key, which no console has, and the policy that it brought to the device."""

    def __init__(self, journey: Journey, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = folder / "site.pub"
        public.write_text(public_key_pem(self._key.public_key()))
        words = fingerprint_words(self._key.public_key())
        trust = ("site", "trust", str(public), "--fingerprint", words, "--name", "Ann Roy")
        journey.world.agent(*trust)
        site = load_identity(journey.world.device.agent_state / "identity").site
        self.policy = SitePolicy(
            site=site.id,
            serial=2,
            issued_ms=wall_ms(),
            timezone=site.timezone,
            rules=dict.fromkeys(SiteAction, SiteRule.ASK_SITE),
            ticket=(),
            two_approvers=(),
            window=(),
            weekly=(),
            single=(),
            approvers=(JULIE.approver,),
        )
        file = folder / "policy.signed"
        file.write_bytes(self.sign(self.policy))
        journey.world.agent("site", "install", str(file))

    def sign(self, policy: SitePolicy) -> bytes:
        return sign_envelope(policy.to_bytes(), SITE_POLICY, KeySigner(self._key))


@pytest.fixture(scope="module")
def hospital(journey: Journey, tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    return Hospital(journey, tmp_path_factory.mktemp("hospital"))


@pytest.fixture
def holder(journey: Journey, attacker: Attacker, hospital: Hospital, tmp_path: Path) -> KeyHolder:
    del hospital  # the device has its site's policy
    return KeyHolder(journey, attacker, tmp_path)


def session(letter: str) -> SessionId:
    return SessionId("01JE" + letter * 22)


def wanted(order: SessionOrder) -> SessionOrder:
    return replace(order, approved_until_ms=wall_ms() + 10 * MINUTE_MS)


def approved(order: SessionOrder, by: Passkey = JULIE) -> SessionOrder:
    order = wanted(order)
    return replace(order, approvals=(by.approve(order.approval_digest),))


def forged(order: SessionOrder) -> SessionOrder:
    thief = Passkey("p9", "Julie Gagnon", **PAGE)
    thief.approver = JULIE.approver
    return approved(order, thief)


def replayed(order: SessionOrder) -> SessionOrder:
    """What she approved was another reason."""
    harmless = approved(replace(order, reason="read the log"))
    return replace(wanted(order), approvals=harmless.approvals)


def stretched(order: SessionOrder) -> SessionOrder:
    """What she approved was shorter."""
    short = approved(replace(order, duration_s=60))
    return replace(order, approved_until_ms=short.approved_until_ms, approvals=short.approvals)


@pytest.mark.parametrize(
    ("letter", "finish", "gate"),
    [
        ("A", forged, "approval_signature"),
        ("B", wanted, "site_approval"),  # dropped
        ("C", replayed, "approval_signature"),
        ("D", stretched, "approval_signature"),
    ],
)
def test_an_approval_that_is_forged_dropped_or_another_order_s(
    journey: Journey,
    holder: KeyHolder,
    letter: str,
    finish: Callable[[SessionOrder], SessionOrder],
    gate: str,
) -> None:
    holder.order(session(letter), finish=finish)

    assert device_ending(journey.world, session(letter)) == "refused"
    assert gates(device_records(journey.world), session(letter)) == {gate}
    met = {r.action for r in device_records(journey.world) if r.session == session(letter)}
    assert not met & {"session:consent:asked", "session:approval:verified"}


def test_the_same_order_with_her_approval_asks_the_operator_by_her_name(
    journey: Journey, holder: KeyHolder
) -> None:
    holder.order(session("E"), finish=approved)

    assert journey.operator.asked().approved_by == ("Julie Gagnon",)
    journey.operator.refuse()
    assert device_ending(journey.world, session("E")) == "refused"
    assert gates(device_records(journey.world), session("E")) == {"consent"}


def test_a_policy_that_the_console_wrote(
    journey: Journey, holder: KeyHolder, hospital: Hospital
) -> None:
    wide = replace(
        hospital.policy, serial=3, rules=dict.fromkeys(SiteAction, SiteRule.ALLOW), approvers=()
    )
    of_the_site = hospital.sign(wide)
    edited = of_the_site.replace(b'"sig":"ME', b'"sig":"MF')
    for letter, envelope in (("F", holder.sign_policy(wide)), ("G", edited)):
        holder.policy(session(letter), envelope)
        assert refused_policy(journey, session(letter)).gate == "site_policy_signature"
    older = hospital.sign(replace(wide, serial=1))
    holder.policy(session("H"), older)
    assert refused_policy(journey, session("H")).gate == "site_policy_old"
    holder.order(session("J"), finish=wanted)
    assert device_ending(journey.world, session("J")) == "refused"
    assert gates(device_records(journey.world), session("J")) == {"site_approval"}

    holder.policy(session("K"), of_the_site)
    wait_for(
        "the site's own policy at the device",
        lambda: 3 in [r.detail["serial"] for r in device_records(journey.world) if applied(r)],
    )
    holder.order(session("M"), finish=lambda order: order)
    journey.operator.asked()
    journey.operator.refuse()
    assert device_ending(journey.world, session("M")) == "refused"


def applied(record: Record) -> bool:
    return record.action == "site:policy:applied"


def refused_policy(journey: Journey, message: str) -> Record:
    """Wait until the device has refused the policy of this message, and return how."""

    def found() -> list[Record]:
        refused = [r for r in device_records(journey.world) if r.action == "site:policy:refused"]
        return [r for r in refused if r.detail.get("message") == message]

    wait_for(f"the refusal of {message}", lambda: bool(found()))
    return found()[0]
