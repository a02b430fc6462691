"""TLS of a tunnel's leg: what a link asks of `ssl.SSLSocket`, done by pyOpenSSL.

pyOpenSSL brings the OpenSSL of today with it, which encrypts and decrypts with half the CPU of the
one that Python is linked to on the hosts of today; and it moves bytes by two calls into C, without
a copy of its own. docs/rfd, 8 has the figures.
"""

import socket
import ssl
from datetime import datetime

from cryptography import x509
from OpenSSL import SSL
from OpenSSL._util import ffi, lib

__all__ = ["TunnelTls"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class TunnelTls:
    """A server's TLS connection on a non-blocking socket; raises what `ssl.SSLSocket` raises."""

    __slots__ = ("_connection", "_pointer", "_server_name", "_sock")

    def __init__(self, sock: socket.socket, context: SSL.Context, *, server_name: str) -> None:
        self._sock = sock
        self._server_name = server_name
        self._connection = SSL.Connection(context, sock)
        self._connection.set_accept_state()
        # pyOpenSSL's own calls copy what they read, and ask three helpers about every record: a
        # quarter of what a gigabyte costs. Its version is pinned, and the tests move bytes here.
        self._pointer = self._connection._ssl

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 when it is closed."""
        return self._sock.fileno()

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Set an option of the socket."""
        self._sock.setsockopt(level, option, value)

    def getsockopt(self, level: int, option: int, length: int) -> bytes:
        """Return an option of the socket."""
        return self._sock.getsockopt(level, option, length)

    def shutdown(self, how: int) -> None:
        """Close one direction of the socket."""
        self._sock.shutdown(how)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def do_handshake(self) -> None:
        """Go on with the handshake.

        Raises ssl.SSLWantReadError or ssl.SSLWantWriteError to wait, another OSError when it failed:
        a client that asked for another name than ours among them (7.6).
        """
        try:
            self._connection.do_handshake()
        except SSL.Error as error:
            raise self._unverified() or _meaning(error) from None
        name = self._connection.get_servername()
        if name is None or name.lower() != self._server_name.encode("ascii"):
            raise _failure("unrecognized name")

    def getpeercert(self) -> dict[str, object]:
        """Return the verified certificate's names, serial number and end, as `ssl` writes them."""
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            return {}
        return {
            "subjectAltName": tuple(("URI", uri) for uri in _uris(certificate)),
            "serialNumber": _whole_octets(certificate.serial_number),
            "notAfter": _moment(certificate.not_valid_after_utc),
        }

    def read(self, count: int, buffer: memoryview) -> int:
        """Read up to `count` bytes into `buffer`; 0 when the peer said goodbye. Raises OSError."""
        got = int(lib.SSL_read(self._pointer, ffi.from_buffer(buffer), count))
        if got > 0:
            return got
        self._explain(got)
        return 0

    def write(self, data: memoryview) -> int:
        """Write what the socket takes of `data`. Raises OSError."""
        sent = int(lib.SSL_write(self._pointer, ffi.from_buffer(data), len(data)))
        if sent > 0:
            return sent
        self._explain(sent)
        raise ssl.SSLZeroReturnError

    def unwrap(self) -> None:
        """Send close_notify. Raises ssl.SSLError while the peer's has not come."""
        try:
            closed = self._connection.shutdown()
        except SSL.Error as error:
            raise _meaning(error) from None
        if not closed:
            raise ssl.SSLWantReadError

    def _unverified(self) -> OSError | None:
        """Return what is wrong with the peer's certificate, when that is why."""
        code = lib.SSL_get_verify_result(self._pointer)
        if code == lib.X509_V_OK:
            return None
        return _failure(ffi.string(lib.X509_verify_cert_error_string(code)).decode("ascii"))

    def _explain(self, result: int) -> None:
        """Raise what a call's `result` means; nothing for the peer's goodbye."""
        try:
            self._connection._raise_ssl_error(self._pointer, result)
        except SSL.ZeroReturnError:
            return
        except SSL.Error as error:
            raise _meaning(error) from None


def _meaning(error: SSL.Error) -> OSError:
    """Return what `ssl` would have raised."""
    if isinstance(error, SSL.WantReadError):
        return ssl.SSLWantReadError()
    if isinstance(error, SSL.WantWriteError):
        return ssl.SSLWantWriteError()
    if isinstance(error, SSL.SysCallError):
        return ConnectionResetError(*error.args)
    reasons = [reason for _library, _function, reason in (error.args[0] if error.args else [])]
    return _failure(", ".join(reasons) or "TLS failed")


def _failure(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(ssl.SSL_ERROR_SSL, reason)
    error.reason = reason
    return error


def _whole_octets(number: int) -> str:
    return number.to_bytes((number.bit_length() + 7) // 8, "big").hex().upper()


def _moment(when: datetime) -> str:
    # Not by strftime, which would name the month in the language of the process.
    return f"{_MONTHS[when.month - 1]} {when.day:2} {when:%H:%M:%S %Y} GMT"


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)
