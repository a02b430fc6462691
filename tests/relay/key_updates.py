"""A console that asks for new keys faster than anybody takes them, and says nothing else.

OpenSSL lets nobody write them that fast: they are made beforehand, by the keys that the handshake gave.
"""

import contextlib
import hmac
import socket
import ssl
import threading

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_HEAD = bytes.fromhex("17 0303 0016")
# KeyUpdate, not requested in return (RFC 8446, 4.6.3), and what kind of record it is.
_KEY_UPDATE = bytes.fromhex("18 000001 00 16")


def _expand(secret, label, length, digest):
    """HKDF-Expand-Label of RFC 8446, 7.1, for one block."""
    label = b"tls13 " + label
    info = length.to_bytes(2) + bytes([len(label)]) + label + b"\0\1"
    return hmac.digest(secret, info, digest)[:length]


def key_updates(secret, count):
    """Return so many records; each but the first is sealed by the key that the one before it brought."""
    digest, key_bytes = ("sha384", 32) if len(secret) == 48 else ("sha256", 16)
    records = bytearray()
    for _ in range(count):
        key = AESGCM(_expand(secret, b"key", key_bytes, digest))
        nonce = _expand(secret, b"iv", 12, digest)
        records += _HEAD + key.encrypt(nonce, _KEY_UPDATE, _HEAD)
        secret = _expand(secret, b"traffic upd", len(secret), digest)
    return records


@contextlib.contextmanager
def endless_console(credentials, port, count, folder):
    """Be the console of one connection on `port`: take its question, answer with key updates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(credentials.certificate, credentials.key)
    context.keylog_filename = str(folder / "tls-secrets")
    context.num_tickets = 0  # nothing was sealed before
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(20)

    def serve():
        with listener:
            accepted, _ = listener.accept()
        accepted.settimeout(20)
        with context.wrap_socket(accepted, server_side=True) as tls:
            tls.recv(65_536)
            lines = (folder / "tls-secrets").read_text().splitlines()
            secret = next(bytes.fromhex(x.split()[2]) for x in lines if x.startswith("SERVER_TR"))
            with contextlib.suppress(ConnectionError):
                socket.socket.sendall(tls, key_updates(secret, count))
            # Open until the other side has had enough.
            with contextlib.suppress(OSError):
                socket.socket.recv(tls, 65_536)

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        yield
    finally:
        serving.join()
