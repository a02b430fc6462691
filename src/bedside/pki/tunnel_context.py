"""The relay's TLS context for tunnels, of pyOpenSSL (`docs/protocol/certificates.md`, 7.3 to 7.7, 7.11).

It asks of a peer what `bedside.pki.contexts.relay_server_context` asks. Bytes that are moved cost
less in it, a connection that waits costs more (docs/rfd, 8). It stands alone: a device never loads
it.
"""

from os import PathLike

from cryptography import x509
from OpenSSL import SSL, crypto
from OpenSSL._util import lib

from bedside.protocol.alpn import ALPN_POLL, ALPN_TUNNEL

__all__ = ["relay_tunnel_context"]

_NO_AUTO_CHAIN = 0x8
"""SSL_MODE_NO_AUTO_CHAIN of openssl/ssl.h."""
_SPOKEN = (ALPN_TUNNEL.encode(), ALPN_POLL.encode())


def relay_tunnel_context(
    certificate: str | PathLike[str], key: str | PathLike[str], ca: str
) -> SSL.Context:
    """Return the context for tunnels' legs: their certificate is needed (7.5).

    `certificate` and `key` are PEM files, `ca` is PEM text. The name that a client asks for is
    compared by whoever shakes hands: pyOpenSSL has no alert for it.

    Raises OpenSSL.SSL.Error when a file is not what it should be, ValueError for `ca`.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)  # 7.3
    context.use_certificate_chain_file(certificate)
    context.use_privatekey_file(key)
    _trust(context, ca)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    context.set_alpn_select_callback(_protocol)
    # 7.7: without tickets of its own making and without a store of sessions, nothing is resumed.
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS | _NO_AUTO_CHAIN)  # 7.11
    # Of new keys one at a time: a peer that asks for them without end must not hold everybody up.
    context.clear_mode(lib.SSL_MODE_AUTO_RETRY)
    return context


def _trust(context: SSL.Context, ca: str) -> None:
    store = context.get_cert_store()
    if store is None:
        raise ValueError("no place for the CA")
    for each in x509.load_pem_x509_certificates(ca.encode("ascii")):
        store.add_cert(crypto.X509.from_cryptography(each))
    store.set_flags(crypto.X509StoreFlags.X509_STRICT)  # 7.4


def _protocol(
    _connection: SSL.Connection, offered: list[bytes]
) -> bytes | SSL._NoOverlappingProtocols:
    for each in _SPOKEN:
        if each in offered:
            return each
    return SSL.NO_OVERLAPPING_PROTOCOLS
