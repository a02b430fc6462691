"""What the site's policy says to an order, here: facts in, the name of the refusing gate out.

Rules held here (`docs/security/device-gates.md`):

1. Where the site has put no key on the device, the house's default holds: everything is asked at
   the device, nothing else is needed.
2. Where it has, only what its key signed opens anything: a policy that is missing, changed, older
   or another site's opens nothing.
3. Each approval that an order carries must verify, needed or not; each approver counts once.
4. Broken glass needs one verified approval, and stands for window, ticket and second approver only:
   nothing that the site denies, and an hour at most (R42).
5. A window that closes ends the session that needed it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bedside.protocol.orders import SessionOrder
from bedside.protocol.site import Approver, SitePolicy
from bedside.vocabulary import Gate, SiteAction, SiteRule

__all__ = [
    "BREAK_GLASS_S",
    "HOUSE_DEFAULT",
    "NOT_KNOWN",
    "SITE_GATES",
    "SiteFacts",
    "closes_ms",
    "ending_gate",
]

BREAK_GLASS_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFacts:
    """What the device knows of the site's say when it decides.

    `policy` is the one that applies, None where the site has put no key here; `fault` is the gate
    that says why the policy does not count. `approvers` verified the order, `unverified` of its
    approvals are by nobody enrolled or do not hold; `misapplied` of those an enrolled key did give,
    for another order.
    """

    policy: SitePolicy | None = None
    fault: Gate | None = None
    approvers: tuple[Approver, ...] = ()
    unverified: int = 0
    misapplied: int = 0

    @property
    def serial(self) -> int:
        """The policy's number; 0 where none applies."""
        return 0 if self.policy is None else self.policy.serial


HOUSE_DEFAULT = SiteFacts()
"""The site has put no key on this device (rule 1)."""
NOT_KNOWN = SiteFacts(fault=Gate.SITE_POLICY_SIGNATURE)
"""Nobody looked: nothing opens (rule 2)."""

Question = Callable[[SessionOrder, SiteFacts, int], bool]


def _denies_nothing(order: SessionOrder, site: SiteFacts, _now_ms: int) -> bool:
    if site.fault is not None:
        return False
    rules = site.policy.rules if site.policy else {}
    return all(rules.get(action) is not SiteRule.DENY for action in order.site_actions)


def _all_verified(_order: SessionOrder, site: SiteFacts, _now_ms: int) -> bool:
    return not site.unverified


def _window_is_open(order: SessionOrder, site: SiteFacts, now_ms: int) -> bool:
    if site.policy is None or not _needs_window(order, site.policy):
        return True
    return site.policy.open_until_ms(now_ms) is not None


def _ticket_is_there(order: SessionOrder, site: SiteFacts, _now_ms: int) -> bool:
    if order.break_glass or site.policy is None:
        return True
    return bool((order.ticket or "").strip()) or not _among(order, site.policy.ticket)


def _enough_approved(order: SessionOrder, site: SiteFacts, now_ms: int) -> bool:
    needed = site.policy.approvals_needed(order.site_actions) if site.policy else 0
    if order.break_glass:
        needed = 1  # rule 4
    until_ms = order.approved_until_ms
    if until_ms is None:
        return needed == 0
    in_time = now_ms < until_ms and order.answer_by_ms <= until_ms
    return in_time and len({approver.id for approver in site.approvers}) >= needed  # rule 3


def _glass_is_short(order: SessionOrder, _site: SiteFacts, _now_ms: int) -> bool:
    return not order.break_glass or order.duration_s <= BREAK_GLASS_S


SITE_GATES: tuple[tuple[Gate, Question], ...] = (
    (
        Gate.SITE_POLICY_SIGNATURE,
        lambda _, site, __: site.fault is not Gate.SITE_POLICY_SIGNATURE,
    ),
    (Gate.SITE_POLICY_OLD, lambda _, site, __: site.fault is not Gate.SITE_POLICY_OLD),
    (Gate.SITE_POLICY, _denies_nothing),
    (Gate.APPROVAL_SIGNATURE, _all_verified),
    (Gate.SITE_WINDOW, _window_is_open),
    (Gate.CHANGE_TICKET, _ticket_is_there),
    (Gate.SITE_APPROVAL, _enough_approved),
    (Gate.DURATION, _glass_is_short),
)
"""Each gate of the site with the question that opens it, in the order in which they are asked."""


def closes_ms(order: SessionOrder, site: SiteFacts, now_ms: int) -> int | None:
    """Return when the window that `order` needs closes (Unix milliseconds); None where none binds."""
    if site.policy is None or not _needs_window(order, site.policy):
        return None
    return site.policy.open_until_ms(now_ms) or now_ms


def ending_gate(order: SessionOrder, site: SiteFacts, now_ms: int) -> Gate | None:
    """Return the gate by which the site ends what it had let begin, None while it goes on (rule 5).

    What was asked once is not asked again: an approval that has lapsed, or a ticket, ends nothing.
    """
    if site.fault is not None:
        return site.fault
    if not _denies_nothing(order, site, now_ms):
        return Gate.SITE_POLICY
    return None if _window_is_open(order, site, now_ms) else Gate.SITE_WINDOW


def _needs_window(order: SessionOrder, policy: SitePolicy) -> bool:
    return not order.break_glass and _among(order, policy.window)


def _among(order: SessionOrder, actions: tuple[SiteAction, ...]) -> bool:
    return any(action in actions for action in order.site_actions)
