"""May this key take the place of the one that the device trusts: by the old key's word, or by force.

1. A device that trusts none takes the first key that a person at the device confirms.
2. Another key follows by a statement that the old one signed, for this site; the number of the
   policy goes on growing.
3. Without a statement it follows only where the person says so in so many words (`--replace`).
"""

from bedside.agent.site.state import SiteFiles, SiteTrust
from bedside.language import N_
from bedside.pki.signing import (
    SITE_KEY,
    SignatureError,
    key_id,
    load_public_key,
    open_envelope,
    public_key_pem,
)
from bedside.protocol.errors import ProtocolError
from bedside.protocol.orders import MAX_DOCUMENT
from bedside.protocol.site import SiteKeyHandOver

__all__ = ["TrustRefusedError", "check_replacement"]


class TrustRefusedError(ValueError):
    """The key may not take the old one's place; `text` is a marked sentence."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def check_replacement(
    files: SiteFiles, new: SiteTrust, statement: bytes | None, *, replace: bool
) -> int:
    """Return the serial above which the first policy under `new` must lie.

    Args:
        files: what stands on the device.
        new: the key to be trusted, and of which site.
        statement: the old key's word for it, if there is one.
        replace: the person says that it replaces whatever is there.

    Raises:
        TrustRefusedError: it may not.
    """
    try:
        old, floor = files.trust(), files.floor()
    except (ValueError, ProtocolError):
        old = floor = None
        damaged = True
    else:
        damaged = (old is None) != (floor is None)
    same_key = floor is not None and floor.key_id == key_id(load_public_key(new.public_key))
    if floor is not None and same_key and (old is None or old.site == new.site):
        return floor.serial
    if statement is not None and old is not None and floor is not None:
        _check_statement(statement, old, new)  # rule 2
        return floor.serial
    if (old is not None or damaged) and not replace:
        raise TrustRefusedError(
            N_(
                "This device trusts another key of its site. Bring the old key's statement "
                "(--statement), or replace it without one (--replace): the journal will say so."
            )
        )
    return 0


def _check_statement(statement: bytes, old: SiteTrust, new: SiteTrust) -> None:
    try:
        key = load_public_key(old.public_key)
        payload = open_envelope(statement, SITE_KEY, {key_id(key): key}, limit=MAX_DOCUMENT)
        said = SiteKeyHandOver.from_bytes(payload)
        named = public_key_pem(load_public_key(said.public_key))
    except (SignatureError, ProtocolError):
        raise TrustRefusedError(
            N_("The statement is not signed by the key that this device trusts.")
        ) from None
    if (said.site, old.site, named) != (new.site, new.site, new.public_key):
        raise TrustRefusedError(N_("The statement is for another key or another site."))
