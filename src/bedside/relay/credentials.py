"""The files that a relay shows and trusts, tried before it serves: each fault names its key."""

import ssl
from pathlib import Path

from joserfc.errors import JoseError

from bedside.language import N_
from bedside.language.config_error import ConfigError
from bedside.pki.contexts import console_client_context, enrolment_server_context
from bedside.relay.config import RelayConfig
from bedside.relay.proofs import Assertions

__all__ = ["check_credentials"]


def check_credentials(config: RelayConfig) -> None:
    """Refuse a certificate, key or CA that cannot serve.

    Raises ConfigError, which names the key and its file, OSError for a file that cannot be read.
    """
    _check_ca(config.ca)
    # OpenSSL does not say which file it could not open.
    for file in (config.certificate, config.key):
        with file.open("rb"):
            pass
    try:
        enrolment_server_context(config.certificate, config.key, server_name=config.server_name)
    except ssl.SSLError as error:
        text = N_(
            "certificate and key: {certificate} and {key} do not belong together, or one of them is "
            "no PEM file"
        )
        raise ConfigError(text, certificate=config.certificate, key=config.key) from error
    try:
        Assertions(config.name, config.key).header()
    except (JoseError, ValueError) as error:
        raise ConfigError(N_("key: {file} must be a P-256 key"), file=config.key) from error


def _check_ca(file: Path) -> None:
    try:
        console_client_context(file.read_text("ascii"))
    except (ValueError, ssl.SSLError) as error:
        raise ConfigError(N_("ca: {file} holds no certificate in PEM"), file=file) from error
