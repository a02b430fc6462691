"""The site's policy on this device: verified whenever it is asked for, never an older one again.

Rules held here (`docs/protocol/site.md`, 11):

1. A policy counts only if the trusted site key signed it, for this site; the console has no say.
2. It is kept as signed, and verified again each time: what was changed on the disk opens nothing.
3. Its serial only grows. The floor stands beside it, and each step is in the journal first.
"""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from bedside.agent.site.plan import HOUSE_DEFAULT, SiteFacts
from bedside.agent.site.state import Floor, SiteFiles, SiteTrust
from bedside.pki.signing import SITE_POLICY, SignatureError, key_id, load_public_key, open_envelope
from bedside.pki.webauthn import approved_digest, check_approval
from bedside.protocol.errors import ProtocolError
from bedside.protocol.orders import MAX_DOCUMENT, SessionOrder
from bedside.protocol.site import Approval, Approver, SitePolicy
from bedside.vocabulary import Gate

__all__ = ["SiteBook", "SitePolicyError", "open_policy"]


class SitePolicyError(ValueError):
    """A policy that does not count: `gate` is the refusal's name, `code` one word for why."""

    def __init__(self, gate: Gate, code: str) -> None:
        super().__init__(f"{gate}: {code}")
        self.gate = gate
        self.code = code


def open_policy(envelope: bytes, trust: SiteTrust) -> SitePolicy:
    """Return the policy in `envelope` if the site signed it for itself; raises SitePolicyError."""
    try:
        key = load_public_key(trust.public_key)
        payload = open_envelope(envelope, SITE_POLICY, {key_id(key): key}, limit=MAX_DOCUMENT)
        policy = SitePolicy.from_bytes(payload)
    except SignatureError as error:
        raise SitePolicyError(Gate.SITE_POLICY_SIGNATURE, error.code) from None
    except ProtocolError as error:
        raise SitePolicyError(Gate.SITE_POLICY_SIGNATURE, "document") from error
    if policy.site != trust.site:
        raise SitePolicyError(Gate.SITE_POLICY_SIGNATURE, "other_site")
    return policy


class SiteBook:
    """The site's say on this device.

    Args:
        files: where it stands.
    """

    def __init__(self, files: SiteFiles) -> None:
        self._files = files

    def say(self) -> SiteFacts:
        """Return what applies now, read and verified now; never raises."""
        try:
            with self._files.held(to_read=True):
                return self._read()
        except SitePolicyError as error:
            return SiteFacts(fault=error.gate)
        except (OSError, ValueError, ProtocolError):
            return SiteFacts(fault=Gate.SITE_POLICY_SIGNATURE)

    def facts(self, order: SessionOrder) -> SiteFacts:
        """Return what applies now, with who of the site verifiably approved `order`."""
        site = self.say()
        if not order.approvals:
            return site
        digest = order.approval_digest
        found = [_approver(site.policy, approval, digest) for approval in order.approvals]
        approvers = tuple(approver for approver in found if approver is not None)
        return replace(
            site,
            approvers=approvers,
            unverified=len(found) - len(approvers),
            misapplied=sum(_is_misapplied(site.policy, each, digest) for each in order.approvals),
        )

    def adopt(self, envelope: bytes, journal: Callable[[SitePolicy], None]) -> SitePolicy | None:
        """Make `envelope` the policy that applies; return it, or None where it was that already.

        Args:
            envelope: as the site signed it, from wherever it came.
            journal: writes the step down, before it is done.

        Raises:
            SitePolicyError: it does not count; what applied before applies.
            OSError: it could not be kept.
        """
        with self._files.held():
            trust = self._files.trust()
            if trust is None:
                raise SitePolicyError(Gate.SITE_POLICY_SIGNATURE, "no_key")
            policy = open_policy(envelope, trust)
            floor, digest = self._floor(trust), sha256(policy.to_bytes()).hexdigest()
            # The very policy that applies may come again: to heal what was changed on the disk.
            if (policy.serial, digest) != (floor.serial, floor.digest):
                if policy.serial <= floor.serial:
                    raise SitePolicyError(Gate.SITE_POLICY_OLD, "old")
            elif envelope == self._files.policy():
                return None
            journal(policy)
            # In this order: killed between the two, nothing opens until it comes again.
            self._files.keep_floor(replace(floor, serial=policy.serial, digest=digest))
            self._files.keep_policy(envelope)
            return policy

    def trust(self, trust: SiteTrust, floor: int, journal: Callable[[], None]) -> None:
        """Take the site's policies from this key from now on; raises OSError.

        Args:
            trust: whose, and which key.
            floor: the serial above which its first policy must lie.
            journal: writes the step down, before it is done.
        """
        with self._files.held():
            journal()
            # In this order: killed between the two, nothing opens until it is done again.
            self._files.keep_floor(Floor(key_id=_key_id(trust), serial=floor, digest=None))
            self._files.keep_trust(trust)

    # ---- inside ----

    def _read(self) -> SiteFacts:
        trust, envelope = self._files.trust(), self._files.policy()
        if trust is None:
            if self._files.floor() is None and envelope is None:
                return HOUSE_DEFAULT
            # A key that was taken away does not bring the house's default back.
            raise SitePolicyError(Gate.SITE_POLICY_SIGNATURE, "no_key")
        floor = self._floor(trust)
        if envelope is None:
            gate = Gate.SITE_POLICY_SIGNATURE if floor.serial else Gate.SITE_POLICY
            raise SitePolicyError(gate, "no_policy")
        policy = open_policy(envelope, trust)
        if policy.serial < floor.serial:
            raise SitePolicyError(Gate.SITE_POLICY_OLD, "old")
        return SiteFacts(policy=policy)

    def _floor(self, trust: SiteTrust) -> Floor:
        floor = self._files.floor()
        if floor is None or floor.key_id != _key_id(trust):
            raise SitePolicyError(Gate.SITE_POLICY_SIGNATURE, "floor")
        return floor


def _key_id(trust: SiteTrust) -> str:
    return key_id(load_public_key(trust.public_key))


def _approver(policy: SitePolicy | None, approval: Approval, digest: bytes) -> Approver | None:
    """Return who of the site gave `approval` over `digest`, None where it does not hold."""
    approver = policy.approver(approval) if policy else None
    if approver is None:
        return None
    try:
        check_approval(approval, approver, digest)
    except SignatureError:
        return None
    return approver


def _is_misapplied(policy: SitePolicy | None, approval: Approval, digest: bytes) -> bool:
    """Return whether an enrolled key gave this approval, and for something else than `digest`."""
    approver = policy.approver(approval) if policy else None
    given = approved_digest(approval)
    if approver is None or given is None or given == digest:
        return False
    try:
        check_approval(approval, approver, given)
    except SignatureError:
        return False
    return True
