"""A passkey in memory: signs as an authenticator would, or not quite (W3C WebAuthn level 3)."""

import json
import secrets
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from bedside.pki.signing import public_key_pem
from bedside.pki.webauthn import to_base64url
from bedside.protocol.site import Approval, Approver

__all__ = ["Passkey"]

_PRESENT_AND_VERIFIED = 0x05


class Passkey:
    """One person's passkey, born here.

    Args:
        person: the person's id.
        name: the person's name.
        rp_id: the relying party that it belongs to.
        origin: the page that asks it.
    """

    def __init__(self, person: str, name: str, *, rp_id: str, origin: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.approver = Approver(
            id=person,
            name=name,
            rp_id=rp_id,
            origin=origin,
            credential=to_base64url(secrets.token_bytes(32)),
            public_key=public_key_pem(self._key.public_key()),
        )

    def approve(
        self,
        digest: bytes,
        *,
        flags: int = _PRESENT_AND_VERIFIED,
        rp_id: str | None = None,
        client_data: bytes | None = None,
    ) -> Approval:
        """Return the assertion over `digest`; the options make one that is wrong in one place."""
        told = {
            "type": "webauthn.get",
            "challenge": to_base64url(digest),
            "origin": self.approver.origin,
            "crossOrigin": False,
        }
        data = json.dumps(told).encode() if client_data is None else client_data
        party = sha256((rp_id or self.approver.rp_id).encode()).digest()
        authenticator = party + bytes([flags]) + bytes(4)
        signature = self._key.sign(authenticator + sha256(data).digest(), ec.ECDSA(SHA256()))
        return Approval(
            approver=self.approver.id,
            credential=self.approver.credential,
            authenticator_data=authenticator,
            client_data=data,
            signature=signature,
        )
