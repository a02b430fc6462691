"""Where the console is: which addresses are taken, and why one does not answer, in sentences."""

import ipaddress
import socket
import ssl
from urllib.parse import urlsplit

import httpx

from bedside.language import N_, Language, translator
from bedside.specialist.errors import BadAddressError

__all__ = ["check_address", "silence_sentence", "trust_file"]

_LONGEST = 2048


def check_address(address: str, language: Language) -> str:
    """Return the console's address as requests begin, without a slash at its end.

    Raises BadAddressError for what is no address, and for `http` to another machine: whoever is on
    the way there would read the token.
    """
    say = translator(language, "bedside-cli")
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if (
        not host
        or len(address) > _LONGEST
        or parts.scheme not in ("http", "https")
        or parts.username is not None
        or parts.query
        or parts.fragment
        or not address.isprintable()
        or " " in address
    ):
        words = N_(
            "{address} is not the address of a console. It is written like this: "
            "https://console.example"
        )
        raise BadAddressError(say(words).format(address=repr(address[:80]).strip("'\"")))
    if parts.scheme == "http" and not _is_this_machine(host):
        words = N_(
            "refused: without https, whoever is on the way to {host} could read your token and answer "
            "in the console's place. Use the address that begins with https://"
        )
        raise BadAddressError(say(words).format(host=host))
    return address.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def trust_file(path: str, language: Language) -> ssl.SSLContext:
    """Return TLS that trusts the CA in the file at `path`; raises BadAddressError."""
    try:
        return ssl.create_default_context(cafile=path)
    except OSError:  # of which ssl.SSLError is one
        words = translator(language, "bedside-cli")(
            N_("{path} is not a file with a CA's certificate that can be read.")
        )
        raise BadAddressError(words.format(path=path)) from None


def silence_sentence(fault: httpx.HTTPError | int, language: Language) -> str:
    """Return why nothing came back, and what to do.

    Args:
        fault: what the connection raised, or the status of a server in front of the console.
        language: the reader's.
    """
    say = translator(language, "bedside-cli")
    if isinstance(fault, int):
        return say(
            N_("A server in front of it says that it is not there ({status}). Try again later.")
        ).format(status=fault)
    causes = _causes(fault)
    for kinds, words in _SILENCES:
        if any(isinstance(cause, kinds) for cause in causes):
            return say(words)
    return say(N_("The connection was lost. Check the network, and try again."))


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found


_SILENCES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (
        ssl.SSLCertVerificationError,
        N_(
            "Its certificate is not one that this computer trusts. If your organization has a CA of its "
            "own: bedside login CONSOLE --ca FILE"
        ),
    ),
    (
        ssl.SSLError,
        N_(
            "What answers there speaks no TLS that this computer takes. Check the address and the port."
        ),
    ),
    (
        socket.gaierror,
        N_("This computer finds no machine of that name. Check the address and the network."),
    ),
    (
        ConnectionRefusedError,
        N_("Nothing listens there. Check the address, and ask whether the console runs."),
    ),
    (
        (httpx.TimeoutException, TimeoutError),
        N_("Nothing came back in time. Check the network and what filters it."),
    ),
)
