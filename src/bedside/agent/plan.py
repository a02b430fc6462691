"""The decisions of the device about an order: facts in, a value out.

Rules held here (`docs/security/device-gates.md`):

1. Every gate is asked in one fixed order; the first that refuses gives the refusal its name.
2. What is not known refuses: no configuration, no safe-state answer, no journal: no session.
3. A gate reads facts that the device established by itself; nothing the order claims opens one.
4. Time is one argument; a decision has one reference instant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from bedside.agent.site.plan import NOT_KNOWN, SITE_GATES, SiteFacts
from bedside.agent.site.plan import Question as SiteQuestion
from bedside.protocol.orders import SessionOrder
from bedside.vocabulary import AccessKind, Gate, SessionId

__all__ = [
    "CLOCK_TOLERANCE_MS",
    "GATES",
    "DeviceFacts",
    "Joinable",
    "SafeState",
    "Verdict",
    "check_order",
]

CLOCK_TOLERANCE_MS = 5 * 60_000


class SafeState(StrEnum):
    """What the product's probe says of the device (R32)."""

    SAFE = "safe"
    EXAM_RUNNING = "exam_running"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Joinable:
    """The live session that may be joined, and what it reaches.

    `heir` is the person and key of a join whose person may be handed control: only an order for
    control, for this same person and key, may name it (R10).
    """

    session: SessionId
    access: AccessKind
    heir: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """What the device knows of itself and of the document when it decides.

    `opening` is why the document could not be opened (seal, signature, form), or None.
    `seen` tells whether this session's order has been met before, in any state.
    `joinable` is the live session, where nobody has joined it or is asked about.
    `last_entry_ms` is the time of the journal's last entry: the clock may not lie far before it.
    `site` is what the site's policy says, and who of the site verifiably approved.
    """

    opening: Gate | None = None
    device: str
    product: str
    access_kinds: frozenset[AccessKind]
    seen: bool = False
    locked: bool = False
    busy: bool = False
    joinable: Joinable | None = None
    last_entry_ms: int = 0
    journal_writable: bool = False
    safe_state: SafeState = SafeState.UNKNOWN
    fingerprint_matches: bool = False
    configured: bool = False
    second_authentication_ready: bool = False
    site: SiteFacts = NOT_KNOWN


@dataclass(frozen=True, slots=True)
class Verdict:
    """Allowed, or the gate that refused."""

    gate: Gate | None = None

    @property
    def allowed(self) -> bool:
        """Whether every gate stood open."""
        return self.gate is None


Question = Callable[[SessionOrder, DeviceFacts, int], bool]


def _clock_is_plausible(order: SessionOrder, facts: DeviceFacts, now_ms: int) -> bool:
    not_before_the_order = order.issued_ms <= now_ms + CLOCK_TOLERANCE_MS
    not_before_the_journal = facts.last_entry_ms <= now_ms + CLOCK_TOLERANCE_MS
    return not_before_the_order and not_before_the_journal


def _is_free(order: SessionOrder, facts: DeviceFacts, _: int) -> bool:
    # Who joins does not find the device busy: for that there is a gate of its own.
    return order.joins is not None or not facts.busy


def _may_be_joined(order: SessionOrder, facts: DeviceFacts, _: int) -> bool:
    # With the same access only: what the site ruled on is what is seen.
    if order.joins is None:
        return True
    heir = (order.person.id, order.specialist_key) if order.hands_over else None
    return facts.joinable == Joinable(order.joins, order.access, heir)


def _of_the_site(question: SiteQuestion) -> Question:
    return lambda order, facts, now_ms: question(order, facts.site, now_ms)


GATES: tuple[tuple[Gate, Question], ...] = (
    (Gate.ORDER_DEVICE, lambda order, facts, _: order.device == facts.device),
    (Gate.ORDER_PRODUCT, lambda order, facts, _: order.product == facts.product),
    (Gate.ACCESS_KIND, lambda order, facts, _: order.access in facts.access_kinds),
    (Gate.ORDER_EXPIRED, lambda order, _, now_ms: now_ms < order.answer_by_ms),
    (Gate.ORDER_REPLAYED, lambda _, facts, __: not facts.seen),
    (Gate.DEVICE_LOCKED, lambda _, facts, __: not facts.locked),
    (Gate.DEVICE_BUSY, _is_free),
    (Gate.JOIN, _may_be_joined),
    (Gate.CLOCK, _clock_is_plausible),
    (Gate.JOURNAL, lambda _, facts, __: facts.journal_writable),
    (Gate.EXAM_RUNNING, lambda _, facts, __: facts.safe_state is not SafeState.EXAM_RUNNING),
    (Gate.SAFE_STATE_UNKNOWN, lambda _, facts, __: facts.safe_state is SafeState.SAFE),
    (Gate.INSTANCE, lambda _, facts, __: facts.fingerprint_matches),
    (Gate.DEVICE_STATE, lambda _, facts, __: facts.configured),
    (Gate.SECOND_AUTHENTICATION_LOCKED, lambda _, facts, __: facts.second_authentication_ready),
    *((gate, _of_the_site(question)) for gate, question in SITE_GATES),
)
"""Each gate with the question that opens it, in the order in which they are asked (rule 1)."""


def check_order(order: SessionOrder | None, facts: DeviceFacts, now_ms: int) -> Verdict:
    """Decide whether the operator may be asked about `order` (S17).

    Args:
        order: the opened order; None when `facts.opening` says why it could not be opened.
        facts: what the device knows.
        now_ms: the instant of the decision, Unix milliseconds.

    Returns:
        The verdict; it is asked again, with fresh facts, when the operator accepts.
    """
    if order is None or facts.opening is not None:
        return Verdict(facts.opening or Gate.ORDER_MALFORMED)
    for gate, is_open in GATES:
        if not is_open(order, facts, now_ms):
            return Verdict(gate)
    return Verdict()
