"""A policy's signature: made by the site's key alone, and only over a higher number than the last."""

from dataclasses import dataclass

from bedside.language import N_
from bedside.pki.signing import (
    SITE_KEY,
    SITE_POLICY,
    PublicKey,
    SignatureError,
    Signer,
    key_id,
    open_envelope,
    public_key_pem,
    sign_envelope,
)
from bedside.protocol.codec import MAX_INTEGER
from bedside.protocol.errors import ProtocolError
from bedside.protocol.orders import MAX_DOCUMENT
from bedside.protocol.site import SiteKeyHandOver, SitePolicy
from bedside.site.draft import Draft
from bedside.site.errors import SiteError

__all__ = ["SignedPolicy", "hand_over", "next_policy", "open_signed", "sign_policy"]


@dataclass(frozen=True, slots=True)
class SignedPolicy:
    """A policy with the envelope in which the site signed it."""

    policy: SitePolicy
    envelope: bytes


def open_signed(envelope: bytes, public_key: PublicKey) -> SitePolicy:
    """Return the policy that `public_key` signed; raises SiteError."""
    try:
        keys = {key_id(public_key): public_key}
        payload = open_envelope(envelope, SITE_POLICY, keys, limit=MAX_DOCUMENT)
    except SignatureError as error:
        raise SiteError(
            N_("this policy is not signed by this key ({why})"), why=error.code
        ) from None
    try:
        return SitePolicy.from_bytes(payload)
    except ProtocolError as error:
        raise SiteError(N_("this cannot be a policy: {why}"), why=error) from None


def next_policy(
    draft: Draft, last: SitePolicy | None, now_ms: int, *, serial: int | None
) -> SitePolicy:
    """Return the policy to sign: numbered one after the last, or `serial` where it is higher.

    Raises SiteError where the number would not grow or is too high, or the last policy is another site's.
    """
    before = 0 if last is None else last.serial
    policy = draft.numbered(before + 1 if serial is None else serial, now_ms)
    if policy.serial > MAX_INTEGER:
        raise SiteError(N_("the highest number that a device reads is {most}"), most=MAX_INTEGER)
    if policy.serial <= before:
        raise SiteError(
            N_("the number must be higher than {last}, which was signed before"), last=before
        )
    if last is not None and last.site != policy.site:
        raise SiteError(
            N_("the last policy is of the site {last}, this one of {site}"),
            last=last.site,
            site=policy.site,
        )
    return policy


def sign_policy(policy: SitePolicy, signer: Signer) -> SignedPolicy:
    """Return the policy as the site signs it."""
    return SignedPolicy(policy, sign_envelope(policy.to_bytes(), SITE_POLICY, signer))


def hand_over(site: str, following: PublicKey, signer: Signer, now_ms: int) -> bytes:
    """Return the old key's word that `following` is the site's key from now on."""
    document = SiteKeyHandOver(site=site, public_key=public_key_pem(following), issued_ms=now_ms)
    return sign_envelope(document.to_bytes(), SITE_KEY, signer)
