"""A new certificate over a new key, before the old one ends; both are good meanwhile (S60).

The supervisor asks for it at two thirds of a certificate's life. The new key set becomes `next`; the
first poll that it carries makes it `current`.
"""

import os
from binascii import b2a_base64

from bedside.agent.config import AgentConfig
from bedside.agent.dial import DialError, Question, open_connection
from bedside.agent.enrolment import EnrolmentError, est_answer, point_to, store_certificate
from bedside.agent.files import make_private_folder
from bedside.agent.identity import Identity, load_settings
from bedside.agent.link import Target
from bedside.agent.moment import wall_ms
from bedside.pki.device_keys import (
    CertificateError,
    create_device_keys,
    load_device_keys,
    open_certificate,
)
from bedside.pki.requests import build_renewal_request
from bedside.protocol.http import Response

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
    try:
        answer = await _ask(identity, config, request)
        certificate = open_certificate(
            est_answer(answer),
            identity.ca,
            keys.identity.public_key(),
            device=identity.device,
            now_ms=wall_ms(),
        )
    except (EnrolmentError, CertificateError, DialError):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        return False
    store_certificate(folder, certificate)
    point_to(identity.folder / "next", folder)
    return True


async def _ask(identity: Identity, config: AgentConfig, request: bytes) -> Response:
    settings = load_settings(config.state_dir / "configuration.json", identity)
    context = identity.context(identity.current)
    last = DialError("no relay")
    for relay in settings.relays:
        for port in relay.ports:
            target = Target(
                host=relay.host, port=port, server_name=relay.server_name, proxy=config.proxy
            )
            try:
                _, line = await open_connection(target, context, Question)
                return await line.ask(
                    "POST",
                    _PATH,
                    relay.server_name,
                    content_type="application/pkcs10",
                    body=b2a_base64(request, newline=False),
                )
            except DialError as error:
                last = error
    raise last
