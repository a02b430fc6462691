"""Is this the certificate of this session? Pure; time comes in as an argument.

1. It is a user certificate, signed by the pinned user CA.
2. Its one principal is the session, and the user name asked for is the session's access kind.
3. The key is the one-session key that the signed order names.
4. Now lies within its validity.
5. It carries no option beyond a terminal and port forwarding: what we do not issue, we refuse.
"""

from dataclasses import dataclass
from enum import StrEnum

from bedside.agent.ssh.grant import SessionGrant

__all__ = ["CertificateFacts", "CertificateFault", "check_certificate"]

_EXPECTED_OPTIONS = frozenset({"permit-pty", "permit-port-forwarding"})


class CertificateFault(StrEnum):
    """What is wrong with a key or certificate that was offered; a word for the journal."""

    AUTHORITY = "other authority"
    EXPIRED = "not valid now"
    KEY = "other key"
    KIND = "not a user certificate"
    NO_CERTIFICATE = "key without a certificate"
    OPTIONS = "unknown option"
    PRINCIPAL = "other session"
    UNREADABLE = "unreadable certificate"
    USER = "other access kind"


@dataclass(frozen=True, kw_only=True)
class CertificateFacts:
    """What an OpenSSH certificate says, its CA signature already verified."""

    is_user: bool
    authority: str
    """The signing key, `algorithm base64`."""
    principals: tuple[str, ...]
    fingerprint: str
    """`SHA256:...` of the certified key."""
    valid_after_s: int
    valid_before_s: int
    options: frozenset[str]
    key_id: str


def check_certificate(
    facts: CertificateFacts, grant: SessionGrant, *, user: str, now_s: float
) -> CertificateFault | None:
    """Return why the certificate is refused for `user` at `now_s`, or None if it opens this session."""
    if not facts.is_user:  # clause 1
        return CertificateFault.KIND
    if facts.authority.split()[:2] != grant.user_ca.split()[:2]:
        return CertificateFault.AUTHORITY
    if facts.principals != (grant.session,):  # clause 2
        return CertificateFault.PRINCIPAL
    if user != grant.access:
        return CertificateFault.USER
    if facts.fingerprint != grant.key_fingerprint:  # clause 3
        return CertificateFault.KEY
    if not facts.valid_after_s <= now_s < facts.valid_before_s:  # clause 4
        return CertificateFault.EXPIRED
    if not facts.options <= _EXPECTED_OPTIONS:  # clause 5
        return CertificateFault.OPTIONS
    return None
