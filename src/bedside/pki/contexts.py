"""The TLS contexts of the house (`docs/protocol/certificates.md`, 7.3 to 7.7, 7.10, 7.11).

7.3 TLS 1.3 only.
7.4 Only the manufacturer's CA is trusted, never the system's store; chains are verified strictly.
7.5 Both sides of a poll and of a tunnel show a certificate; at enrolment only the relay does.
7.6 A client asks for the server's name and verifies it; a server refuses names that are not its own.
7.7 A relay resumes no session: each device shows its certificate each time, so that a revocation
    counts from the next connection.
7.10 A device refuses the relays' certificates that its configuration calls revoked.
7.11 Whoever shows a certificate shows it alone: both sides have the root.

A relay's tunnels have their own, of another library, in `bedside.pki.tunnel_context`.
"""

import ssl
from collections.abc import Collection, Sequence
from os import PathLike

from bedside.pki.names import peer_serial
from bedside.pki.shown_alone import show_alone
from bedside.protocol.alpn import ALPN_POLL, ALPN_TUNNEL

__all__ = [
    "console_client_context",
    "console_server_context",
    "device_client_context",
    "enrolment_client_context",
    "enrolment_name",
    "enrolment_server_context",
    "relay_server_context",
    "specialist_client_context",
]

File = str | PathLike[str]


def enrolment_name(server_name: str) -> str:
    """Return the server name under which a relay speaks to devices that have no certificate yet."""
    return f"enrol.{server_name}"


def relay_server_context(
    certificate: File, key: File, ca: str, *, server_name: str
) -> ssl.SSLContext:
    """Return the context for devices and specialists: their certificate is needed (7.5).

    `certificate` and `key` are PEM files, `ca` is PEM text. A client that asks for any other name
    than `server_name`, or for none, is refused with the alert `unrecognized_name` (7.6).
    """
    context = _server(certificate, key, [ALPN_TUNNEL, ALPN_POLL], server_name)
    _trust(context, ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.sslsocket_class = _Waiting
    return context


def enrolment_server_context(certificate: File, key: File, *, server_name: str) -> ssl.SSLContext:
    """Return the context for devices that enrol: no client certificate, and one name only.

    `server_name` is the relay's usual name; the context answers to `enrol.<server_name>` alone.
    """
    return _server(certificate, key, [ALPN_POLL], enrolment_name(server_name))


def device_client_context(
    certificate: File,
    key: File,
    ca: str,
    *,
    revoked: Collection[str] = (),
    tunnel: bool = False,
) -> ssl.SSLContext:
    """Return a device's context for polls, or for a tunnel's leg.

    A relay whose certificate has a serial in `revoked` (hexadecimal) is refused (7.10).
    """
    context = _client(ca, ALPN_TUNNEL if tunnel else ALPN_POLL)
    context.load_cert_chain(certificate, key)
    show_alone(context)  # 7.11
    if revoked:
        _refuse(context, frozenset(revoked))
    return context


def enrolment_client_context(ca: str) -> ssl.SSLContext:
    """Return the context of a device that has no certificate yet."""
    return _client(ca, ALPN_POLL)


def specialist_client_context(certificate: File, key: File, ca: str) -> ssl.SSLContext:
    """Return the context of a specialist's leg: one session's certificate."""
    return device_client_context(certificate, key, ca, tunnel=True)


def console_server_context(certificate: File, key: File, *, server_name: str) -> ssl.SSLContext:
    """Return the context of the console's `live` process; relays sign each request instead."""
    return _server(certificate, key, [ALPN_POLL], server_name)


def console_client_context(ca: str) -> ssl.SSLContext:
    """Return a relay's context towards the console's `live` process."""
    return _client(ca, ALPN_POLL)


class _Waiting(ssl.SSLSocket):
    """One of a fleet's: what `ssl` keeps of it stands in places of its own, not in a dictionary.

    A name that is missing here costs each connection that dictionary, 270 bytes, and nothing else.
    """

    __slots__ = (
        "_connected",
        "_context",
        "_session",
        "_sslobj",
        "do_handshake_on_connect",
        "server_hostname",
        "server_side",
        "suppress_ragged_eofs",
    )


def _server(
    certificate: File, key: File, protocols: Sequence[str], server_name: str
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # 7.3
    context.num_tickets = 0  # 7.7
    context.load_cert_chain(certificate, key)
    show_alone(context)  # 7.11
    context.set_alpn_protocols(list(protocols))

    def check_name(_connection: object, name: str | None, _context: object) -> int | None:
        if name is not None and name.lower() == server_name:
            return None
        return int(ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)

    context.sni_callback = check_name  # 7.6
    return context


def _client(ca: str, protocol: str) -> ssl.SSLContext:
    # PROTOCOL_TLS_CLIENT verifies the chain and the name; the system's store is loaded by
    # ssl.create_default_context only, which is absent here on purpose (7.4).
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # 7.3
    context.set_alpn_protocols([protocol])
    _trust(context, ca)
    return context


def _refuse(context: ssl.SSLContext, revoked: frozenset[str]) -> None:
    """Let no handshake with a certificate of these serials come to its end."""

    def check(peer: ssl.SSLSocket | ssl.SSLObject) -> None:
        if peer_serial(peer.getpeercert()) in revoked:
            raise ssl.SSLCertVerificationError("the relay's certificate is revoked")

    class Socket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - ssl's own
            super().do_handshake(block)
            check(self)

    class Stream(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            check(self)

    context.sslsocket_class, context.sslobject_class = Socket, Stream


def _trust(context: ssl.SSLContext, ca: str) -> None:
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT  # 7.4
    context.load_verify_locations(cadata=ca)
