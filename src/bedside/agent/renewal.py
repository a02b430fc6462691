"""A new certificate over a new key, before the old one ends; both are good meanwhile (S60).

The supervisor asks for it at two thirds of a certificate's life. The new key set becomes `next`; the
first poll that it carries makes it `current`.
"""

import os

from bedside.agent.config import AgentConfig
from bedside.agent.enrolment import point_to, store_certificate
from bedside.agent.est import EnrolmentError, ask_relays, est_answer, targets_of
from bedside.agent.files import make_private_folder
from bedside.agent.identity import Identity, load_settings
from bedside.agent.moment import wall_ms
from bedside.pki.device_keys import (
    CertificateError,
    create_device_keys,
    load_device_keys,
    open_certificate,
)
from bedside.pki.requests import build_renewal_request

__all__ = ["renew"]

_PATH = "/.well-known/est/simplereenroll"


async def renew(identity: Identity, config: AgentConfig) -> bool:
    """Get a new key set as `next`; return whether there is one now.

    A relay that cannot be asked, or says no, changes nothing: the supervisor asks again later.
    """
    old = load_device_keys(identity.current.folder)
    folder = identity.folder / f"keys-{os.urandom(4).hex()}"
    make_private_folder(folder)
    keys = create_device_keys(folder, keep=old)
    request = build_renewal_request(keys.request, identity.device, old.identity)
    settings = load_settings(config.state_dir / "configuration.json", identity)
    context = identity.context(identity.current, revoked=settings.revoked)
    try:
        answer = await ask_relays(
            targets_of(settings.relays, config.proxy), context, _PATH, request
        )
        certificate = open_certificate(
            est_answer(answer),
            identity.ca,
            keys.identity.public_key(),
            device=identity.device,
            now_ms=wall_ms(),
        )
    except (EnrolmentError, CertificateError):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        return False
    store_certificate(folder, certificate)
    point_to(identity.folder / "next", folder)
    return True
