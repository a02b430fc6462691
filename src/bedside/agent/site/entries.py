"""What the device's journal says of its site: keys trusted, policies applied, approvals verified."""

from hashlib import sha256

from bedside.agent.ledger import Ledger
from bedside.agent.site.state import SiteTrust
from bedside.audit.entry import Actor, ActorKind, Thing
from bedside.pki.signing import key_id, load_public_key
from bedside.protocol.orders import SessionOrder
from bedside.protocol.site import Approver, SitePolicy
from bedside.vocabulary import Gate, JournalAction, Outcome

__all__ = [
    "write_approval",
    "write_policy_applied",
    "write_policy_refused",
    "write_trust",
    "write_trust_refused",
]


def write_trust(ledger: Ledger, trust: SiteTrust, *, before: SiteTrust | None, name: str) -> None:
    """Write that `name`, at the device, had it trust this key, and which key that replaced."""
    detail = {"site": trust.site, "key_id": _key_id(trust)}
    if before is not None:
        detail["previous_key_id"] = _key_id(before)
    ledger.write(
        JournalAction.SITE_KEY_TRUSTED,
        actor=Actor(ActorKind.OPERATOR, "operator", name),
        detail=detail,
    )


def write_trust_refused(ledger: Ledger, trust: SiteTrust) -> None:
    """Write that somebody at the device tried to have it trust this key instead of another one."""
    ledger.write(
        JournalAction.SITE_KEY_TRUSTED,
        outcome=Outcome.REFUSED,
        gate=Gate.SITE_POLICY_SIGNATURE,
        detail={"site": trust.site, "key_id": _key_id(trust)},
    )


def write_policy_applied(ledger: Ledger, policy: SitePolicy, *, source: str) -> None:
    """Write that this policy applies from now on; `source` is where it came from."""
    ledger.write(
        JournalAction.SITE_POLICY_APPLIED,
        detail={
            "site": policy.site,
            "serial": policy.serial,
            "sha256": sha256(policy.to_bytes()).hexdigest(),
            "source": source,
        },
    )


def write_policy_refused(ledger: Ledger, gate: Gate, *, code: str, source: str) -> None:
    """Write that a policy was refused, by which gate and why in one word."""
    ledger.write(
        JournalAction.SITE_POLICY_REFUSED,
        outcome=Outcome.REFUSED,
        gate=gate,
        detail={"reason_code": code, "source": source},
    )


def write_approval(ledger: Ledger, order: SessionOrder, approver: Approver) -> None:
    """Write that the device verified this person's approval of `order`."""
    ledger.write(
        JournalAction.SESSION_APPROVAL_VERIFIED,
        actor=Actor(ActorKind.PERSON, approver.id, approver.name),
        object=Thing("session", order.session),
        session=order.session,
        case=order.case,
        detail={
            "approver": approver.name,
            "ticket": order.ticket or "",
            "approved_until_ms": order.approved_until_ms or 0,
            "break_glass": order.break_glass,
        },
    )


def _key_id(trust: SiteTrust) -> str:
    return key_id(load_public_key(trust.public_key))
