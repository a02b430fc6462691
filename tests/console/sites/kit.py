"""A site's key, and policies that it signs."""

from cryptography.hazmat.primitives.asymmetric import ec

from bedside.console.accounts.models import Organisation
from bedside.console.journal.actions import now_ms
from bedside.console.sites.policies import NewKey, do_publish_policy, do_register_key
from bedside.pki.signing import SITE_POLICY, KeySigner, public_key_pem, sign_envelope
from bedside.protocol.site import SitePolicy
from bedside.site.signing import hand_over
from bedside.vocabulary import SiteAction, SiteRule
from tests.console.world import person

__all__ = ["SiteHand"]


class SiteHand:
    """The hospital's own IT: holds the key that no console has."""

    def __init__(self, site: str = "notre-dame") -> None:
        self.site = Organisation.objects.get(pk=site)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._serial = 0

    @property
    def public_key(self) -> str:
        return public_key_pem(self._key.public_key())

    def register(self) -> None:
        do_register_key(self.site, NewKey(public_key=self.public_key), acting_user=person("Julie"))

    def policy(self, *, rules=None, **changes) -> SitePolicy:
        """Return the next policy: everything asked at the device, but for `rules`."""
        self._serial += 1
        plain = {
            "site": self.site.pk,
            "serial": self._serial,
            "issued_ms": now_ms(),
            "timezone": "America/Toronto",
            "rules": {**dict.fromkeys(SiteAction, SiteRule.ASK_DEVICE), **(rules or {})},
            "ticket": (),
            "two_approvers": (),
            "window": (),
            "weekly": (),
            "single": (),
            "approvers": (),
        }
        return SitePolicy(**{**plain, **changes})

    def sign(self, policy: SitePolicy) -> bytes:
        return sign_envelope(policy.to_bytes(), SITE_POLICY, KeySigner(self._key))

    def renew(self) -> bytes:
        """Take a new key, and return the old one's statement for it; numbers go on."""
        before, self._key = self._key, ec.generate_private_key(ec.SECP256R1())
        return hand_over(self.site.pk, self._key.public_key(), KeySigner(before), now_ms())

    def publish(self, **changes) -> SitePolicy:
        policy = self.policy(**changes)
        do_publish_policy(self.site, self.sign(policy), acting_user=person("Julie"))
        return policy
