"""A certificate authority in a temporary folder: right certificates for tests, and wrong ones."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Credentials", "PocketAuthority"]

_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate and its key, as files, and its serial as the feed writes it."""

    certificate: Path
    key: Path
    serial: str


class PocketAuthority:
    """Issues certificates of the house's shape into `folder`; its own is `ca` (PEM text)."""

    def __init__(self, folder: Path, name: str = "Pocket CA") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._now = datetime.now(UTC)  # noqa: TID251  # certificates of tests are made for today
        builder = (
            self._builder(self._name, self._key.public_key(), days=(-1, 365))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(self._authority_key(), critical=False)
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        self.ca = certificate.public_bytes(_PEM).decode("ascii")
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_text(self.ca, "ascii")
        self._issued = 0

    def write_key(self) -> Path:
        """Write the authority's own key, for a load generator that issues by itself."""
        file = self.folder / "ca.key"
        file.write_bytes(_pem(self._key))
        return file

    def device(
        self, device: str, *, days: tuple[float, float] = (-1, 89), serial: int = 0
    ) -> Credentials:
        """Issue a device's certificate, valid from and to so many days from now."""
        return self.issue(f"bedside:device/{device}", days=days, serial=serial)

    def session(self, session: str) -> Credentials:
        """Issue the certificate of a specialist's leg."""
        return self.issue(f"bedside:session/{session}")

    def relay(self, name: str, server_name: str, *, ends_in_s: float = 89 * 86_400) -> Credentials:
        """Issue a relay's certificate: its usual name and its name for enrolment."""
        hosts = (server_name, f"enrol.{server_name}")
        # From now on, not from when this authority was made.
        made = (datetime.now(UTC) - self._now).total_seconds()  # noqa: TID251  # as above
        days = (-1, (made + ends_in_s) / 86_400)
        return self.issue(f"bedside:relay/{name}", hosts=hosts, days=days)

    def console(self, server_name: str) -> Credentials:
        """Issue the certificate of the console's live process."""
        return self.issue("bedside:console/live", hosts=(server_name,))

    def issue(
        self,
        *uris: str,
        hosts: tuple[str, ...] = (),
        days: tuple[float, float] = (-1, 89),
        names_its_issuer: bool = True,
        serial: int = 0,
    ) -> Credentials:
        """Issue a certificate with these names, whatever they are.

        Without a `serial` it has a random one.
        Without `names_its_issuer` it lacks the authority key identifier (RFC 5280, 4.2.1.1).
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
        names += [x509.DNSName(host) for host in hosts]
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bedside")])
        builder = (
            self._builder(subject, key.public_key(), days=days, serial=serial)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        )
        if names_its_issuer:
            builder = builder.add_extension(self._authority_key(), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return self._write(builder.sign(self._key, hashes.SHA256()), key)

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        days: tuple[float, float],
        serial: int = 0,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(self._now + timedelta(days=days[0]))
            .not_valid_after(self._now + timedelta(days=days[1]))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )

    def _authority_key(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())

    def _write(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Credentials:
        self._issued += 1
        certificate_file = self.folder / f"{self._issued}.crt"
        key_file = self.folder / f"{self._issued}.key"
        certificate_file.write_bytes(certificate.public_bytes(_PEM))
        key_file.write_bytes(_pem(key))
        return Credentials(certificate_file, key_file, f"{certificate.serial_number:x}")


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form, sealed = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(_PEM, form, sealed)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
