"""A site with its key, two approvers, a policy that asks for everything, and an order that has it."""

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec

from bedside.agent.site.state import SiteTrust
from bedside.pki.signing import SITE_POLICY, KeySigner, public_key_pem, sign_envelope
from bedside.protocol.orders import SessionOrder
from bedside.protocol.site import SitePolicy
from bedside.protocol.windows import SingleWindow
from bedside.testing.passkey import Passkey
from bedside.vocabulary import SiteAction, SiteRule
from tests.protocol import samples

NOW = samples.NOW + 1000
HOUR_MS = 3_600_000
PAGE = {"rp_id": "console.example", "origin": "https://console.example"}
JULIE = Passkey("p9", "Julie Gagnon", **PAGE)
AHMED = Passkey("p10", "Ahmed Diallo", **PAGE)
STRANGER = Passkey("p66", "Mallory", **PAGE)
EVERYTHING = tuple(sorted(SiteAction))


def new_site_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


SITE_KEY = new_site_key()
TRUST = SiteTrust(site="notre-dame", public_key=public_key_pem(SITE_KEY.public_key()))
OPEN = SingleWindow(start_ms=NOW - HOUR_MS, end_ms=NOW + HOUR_MS)
STRICT = SitePolicy(
    site="notre-dame",
    serial=3,
    issued_ms=NOW,
    timezone="America/Toronto",
    rules=dict.fromkeys(SiteAction, SiteRule.ASK_SITE),
    ticket=EVERYTHING,
    two_approvers=EVERYTHING,
    window=EVERYTHING,
    weekly=(),
    single=(OPEN,),
    approvers=(JULIE.approver, AHMED.approver),
)
"""Everything needs a window, a ticket and two approvers."""


def signed(policy: SitePolicy, key: ec.EllipticCurvePrivateKey = SITE_KEY) -> bytes:
    return sign_envelope(policy.to_bytes(), SITE_POLICY, KeySigner(key))


def asked(**changes: object) -> SessionOrder:
    """An order with its ticket, before anybody of the site approved it."""
    return replace(
        samples.ORDER,
        ticket="CHG-4471",
        approved_until_ms=NOW + 10 * 60_000,
        **changes,  # type: ignore[arg-type]
    )


def approved(order: SessionOrder, *by: Passkey) -> SessionOrder:
    """The same order with the assertions of these people over it."""
    approvals = tuple(passkey.approve(order.approval_digest) for passkey in by)
    return replace(order, approvals=approvals)
