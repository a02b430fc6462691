"""The manufacturer's X.509 authority; only the console may import it (RFC 5280).

12.1 The root is a CA with path length 0: it issues leaves and no further CA.
12.2 A leaf has exactly one URI that names its holder, and host names only where a server needs them.
12.3 A leaf is for TLS clients (devices, sessions) or for servers (relays, the console), never both.
12.4 A serial number has more than 128 random bits; validity begins five minutes before now, for
     clocks that run late.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bedside.pki.contexts import enrolment_name
from bedside.pki.delegated import delegated_key
from bedside.pki.keystore import KeyName, KeyStore
from bedside.pki.names import CertificateKind, CertificateName
from bedside.vocabulary import DeviceId, RelayName, SessionId

__all__ = [
    "DEVICE_DAYS",
    "ROOT_DAYS",
    "SERVER_DAYS",
    "Authority",
    "IssuedCertificate",
    "certs_only",
]

ROOT_DAYS = 3650
SERVER_DAYS = 90
DEVICE_DAYS = 90
_BACKDATE_S = 300
_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
_SERVER = ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate as its issuer records it; the serial is as in the feed."""

    pem: str
    serial: str
    not_before_ms: int
    not_after_ms: int

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return x509.load_pem_x509_certificate(self.pem.encode("ascii")).public_bytes(Encoding.DER)


class Authority:
    """Issues certificates with the key store's root key, which it never sees."""

    def __init__(self, store: KeyStore, pem: str) -> None:
        self._key = delegated_key(store, KeyName.ROOT_CA)
        self._root = x509.load_pem_x509_certificate(pem.encode("ascii"))
        if self._root.public_key() != self._key.public_key():
            raise ValueError("the root certificate is not over the key store's root key")
        self.pem = pem

    @classmethod
    def create(
        cls, store: KeyStore, *, name: str, now_ms: int, days: int = ROOT_DAYS
    ) -> "Authority":
        """Return an authority with a new root certificate over the store's root key (12.1)."""
        key = delegated_key(store, KeyName.ROOT_CA)
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
                x509.NameAttribute(NameOID.COMMON_NAME, f"{name} Bedside CA"),
            ]
        )
        root = (
            _dated(x509.CertificateBuilder(), now_ms, now_ms + days * 86_400_000)
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, SHA256())
        )
        return cls(store, root.public_bytes(Encoding.PEM).decode("ascii"))

    @property
    def certificate(self) -> x509.Certificate:
        """The root certificate."""
        return self._root

    def issue_device(
        self,
        public_key: EllipticCurvePublicKey,
        device: DeviceId,
        *,
        now_ms: int,
        days: int = DEVICE_DAYS,
    ) -> IssuedCertificate:
        """Return a device's certificate."""
        name = CertificateName(CertificateKind.DEVICE, device)
        return self._issue(public_key, name, (_CLIENT,), now_ms, now_ms + days * 86_400_000)

    def issue_session(
        self,
        public_key: EllipticCurvePublicKey,
        session: SessionId,
        *,
        now_ms: int,
        until_ms: int,
    ) -> IssuedCertificate:
        """Return the certificate of a specialist's leg, valid until the session's end."""
        name = CertificateName(CertificateKind.SESSION, session)
        return self._issue(public_key, name, (_CLIENT,), now_ms, until_ms)

    def issue_relay(
        self,
        public_key: EllipticCurvePublicKey,
        relay: RelayName,
        *,
        server_name: str,
        now_ms: int,
        days: int = SERVER_DAYS,
    ) -> IssuedCertificate:
        """Return a relay's certificate, for its server name and its name at enrolment."""
        name = CertificateName(CertificateKind.RELAY, relay)
        hosts = (server_name, enrolment_name(server_name))
        until_ms = now_ms + days * 86_400_000
        return self._issue(public_key, name, (_SERVER,), now_ms, until_ms, hosts=hosts)

    def issue_console(
        self,
        public_key: EllipticCurvePublicKey,
        process: str = "live",
        *,
        server_name: str,
        now_ms: int,
        days: int = SERVER_DAYS,
    ) -> IssuedCertificate:
        """Return the certificate of a console's process that relays talk to."""
        name = CertificateName(CertificateKind.CONSOLE, process)
        until_ms = now_ms + days * 86_400_000
        return self._issue(public_key, name, (_SERVER,), now_ms, until_ms, hosts=(server_name,))

    def _issue(
        self,
        public_key: EllipticCurvePublicKey,
        name: CertificateName,
        usages: Sequence[x509.ObjectIdentifier],
        now_ms: int,
        until_ms: int,
        *,
        hosts: Sequence[str] = (),
    ) -> IssuedCertificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name.kind} {name.id}")])
        names = [x509.UniformResourceIdentifier(name.uri), *map(x509.DNSName, hosts)]  # 12.2
        issuer_key = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        certificate = (
            _dated(x509.CertificateBuilder(), now_ms, until_ms)
            .subject_name(subject)
            .issuer_name(self._root.subject)
            .public_key(public_key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)  # 12.3
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key),
                critical=False,
            )
            .sign(self._key, SHA256())
        )
        return IssuedCertificate(
            pem=certificate.public_bytes(Encoding.PEM).decode("ascii"),
            serial=f"{certificate.serial_number:x}",
            not_before_ms=int(certificate.not_valid_before_utc.timestamp()) * 1000,
            not_after_ms=int(certificate.not_valid_after_utc.timestamp()) * 1000,
        )


def certs_only(*pems: str) -> bytes:
    """Return certificates as EST answers them: certs-only PKCS#7 (RFC 7030), base64 of DER."""
    certificates = [x509.load_pem_x509_certificate(pem.encode("ascii")) for pem in pems]
    return base64.encodebytes(pkcs7.serialize_certificates(certificates, Encoding.DER))


def _dated(builder: x509.CertificateBuilder, now_ms: int, until_ms: int) -> x509.CertificateBuilder:
    begin = datetime.fromtimestamp(now_ms // 1000, UTC) - timedelta(seconds=_BACKDATE_S)  # 12.4
    end = datetime.fromtimestamp(until_ms // 1000, UTC)
    return (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
