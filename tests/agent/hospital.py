"""The hospital of `world`: its own key, its policy, its approvers with their passkeys."""

import os
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec

from bedside.pki.fingerprints import fingerprint_words
from bedside.pki.signing import SITE_POLICY, KeySigner, public_key_pem, sign_envelope
from bedside.protocol.orders import SessionOrder
from bedside.protocol.site import SitePolicy
from bedside.testing.passkey import Passkey
from bedside.vocabulary import SiteAction, SiteRule
from tests.agent.world import SITE, World, wall_ms

PAGE = {"rp_id": "console.example", "origin": "https://console.example"}
MINUTE_MS = 60_000


class Hospital:
    """What only the site can say."""

    def __init__(self, play: World) -> None:
        self.play = play
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.julie = Passkey("p9", "Julie Gagnon", **PAGE)
        self.ahmed = Passkey("p10", "Ahmed Diallo", **PAGE)
        self.public = play.folder / "site.pub"
        self.public.write_text(public_key_pem(self.key.public_key()))
        self.words = fingerprint_words(self.key.public_key())
        self.serial = 0

    def policy(self, *, rule: SiteRule = SiteRule.ASK_DEVICE, **changes: object) -> SitePolicy:
        """The next policy: one rule for everything, unless told otherwise."""
        self.serial += 1
        policy = SitePolicy(
            site=SITE.id,
            serial=self.serial,
            issued_ms=wall_ms(),
            timezone=SITE.timezone,
            rules=dict.fromkeys(SiteAction, rule),
            ticket=(),
            two_approvers=(),
            window=(),
            weekly=(),
            single=(),
            approvers=(self.julie.approver, self.ahmed.approver),
        )
        return replace(policy, **changes)  # type: ignore[arg-type]

    def sign(self, policy: SitePolicy, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
        return sign_envelope(policy.to_bytes(), SITE_POLICY, KeySigner(key or self.key))

    async def trust(self, *options: str) -> tuple[int, str]:
        """Somebody of the hospital stands at the device with the key and its words."""
        command = ("site", "trust", str(self.public), "--fingerprint", self.words)
        return await self.play.command(*command, "--name", "Ann Roy", *options)

    async def install(self, envelope: bytes) -> tuple[int, str]:
        """Somebody of the hospital brings a signed policy."""
        file = self.play.folder / f"policy-{os.urandom(4).hex()}.signed"
        file.write_bytes(envelope)
        return await self.play.command("site", "install", str(file))

    async def rules(self, **changes: object) -> SitePolicy:
        """Have the next policy apply, through the console."""
        policy = self.policy(**changes)  # type: ignore[arg-type]
        await self.play.carry_policy(self.sign(policy))
        await self.play.wait_until(
            lambda: [
                entry
                for entry in self.play.entries
                if entry["action"] == "site:policy:applied"
                and entry["detail"]["serial"] == policy.serial
            ]
        )
        return policy

    def approved(self, *by: Passkey, **changes: object) -> SessionOrder:
        """An order that these people of the site approved, for ten minutes."""
        order = self.play.order(approved_until_ms=wall_ms() + 10 * MINUTE_MS, **changes)
        return self.approve(order, *by)

    def approve(self, order: SessionOrder, *by: Passkey) -> SessionOrder:
        approvals = tuple(passkey.approve(order.approval_digest) for passkey in by)
        return replace(order, approvals=approvals)
