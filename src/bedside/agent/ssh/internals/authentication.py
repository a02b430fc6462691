"""The two steps of authentication, in their order (RFC 4252 section 5.1: partial success)."""

from typing import TYPE_CHECKING, Any

from asyncssh import auth as _auth
from asyncssh.public_key import CERT_TYPE_USER, SSHOpenSSHCertificate

from bedside.agent.ssh.admission import CertificateFacts

if TYPE_CHECKING:
    from bedside.agent.ssh.internals.connection import EndpointConnection

__all__ = ["METHODS", "facts_of"]


class _CertificateAuth(_auth._ServerPublicKeyAuth):
    """The first factor: success is only partial (clause 2)."""

    _conn: "EndpointConnection"

    @classmethod
    def supported(cls, conn: Any) -> bool:
        return conn.first_factor is None

    async def send_success(self) -> None:
        if self._conn.auth is self:
            conn = self._conn
            conn.first_factor = (self._username, conn._key_options, conn._cert_options)
            conn.send_userauth_failure(partial_success=True)


class _SecondAuth(_auth._ServerKbdIntAuth):
    """The second factor, for the same user name as the first (clauses 2 and 3)."""

    _conn: "EndpointConnection"

    @classmethod
    def supported(cls, conn: Any) -> bool:
        return conn.first_factor is not None

    async def send_success(self) -> None:
        first = self._conn.first_factor
        if first is None or first[0] != self._username:
            self.send_failure()
            return
        if self._conn.auth is self:
            _user, self._conn._key_options, self._conn._cert_options = first
            await super().send_success()


METHODS: dict[bytes, type[_CertificateAuth | _SecondAuth]] = {
    b"publickey": _CertificateAuth,
    b"keyboard-interactive": _SecondAuth,
}


def facts_of(certificate: SSHOpenSSHCertificate) -> CertificateFacts:
    """Return what a certificate says, in values that `admission` can judge."""
    signer = certificate.signing_key.export_public_key().decode()
    return CertificateFacts(
        is_user=certificate._cert_type == CERT_TYPE_USER,
        authority=" ".join(signer.split()[:2]),
        principals=tuple(certificate.principals),
        fingerprint=certificate.key.get_fingerprint(),
        valid_after_s=certificate._valid_after,
        valid_before_s=certificate._valid_before,
        options=frozenset(certificate.options),
        key_id=certificate._key_id,
    )
