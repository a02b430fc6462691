import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from bedside.pki.authority import Authority, certs_only
from bedside.pki.names import parse_certificate_name
from bedside.vocabulary import RelayName
from tests.pki.world import authority, new_key, store
from tests.protocol.samples import DEVICE, NOW, SESSION

OURS = authority(NOW)
KEY = new_key().public_key()
LEAVES = {
    "device": OURS.issue_device(KEY, DEVICE, now_ms=NOW),
    "session": OURS.issue_session(KEY, SESSION, now_ms=NOW, until_ms=NOW + 60_000),
    "relay": OURS.issue_relay(KEY, RelayName("a"), server_name="a.relay.example", now_ms=NOW),
    "console": OURS.issue_console(KEY, server_name="console.example", now_ms=NOW),
}


def certificate(issued):
    return x509.load_pem_x509_certificate(issued.pem.encode())


def extension(issued, kind):
    return certificate(issued).extensions.get_extension_for_class(kind)


def test_the_root_issues_leaves_and_nothing_else():
    root = OURS.certificate
    constraints = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    usage = root.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature
    root.verify_directly_issued_by(root)


@pytest.mark.parametrize("kind", LEAVES)
def test_a_leaf_speaks_for_one_holder(kind):
    issued = LEAVES[kind]
    names = extension(issued, x509.SubjectAlternativeName).value
    (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert parse_certificate_name(uri).kind == kind
    hosts = {"relay": ["a.relay.example", "enrol.a.relay.example"], "console": ["console.example"]}
    assert names.get_values_for_type(x509.DNSName) == hosts.get(kind, [])
    certificate(issued).verify_directly_issued_by(OURS.certificate)
    usage = list(extension(issued, x509.ExtendedKeyUsage).value)
    server = kind in hosts
    assert usage == [ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH]
    assert extension(issued, x509.KeyUsage).critical
    assert not extension(issued, x509.BasicConstraints).value.ca
    assert issued.not_before_ms == NOW // 1000 * 1000 - 300_000
    assert ssl.PEM_cert_to_DER_cert(issued.pem) == issued.der


def test_serials_are_long_random_and_written_as_in_the_feed():
    serials = {OURS.issue_device(KEY, DEVICE, now_ms=NOW).serial for _ in range(20)}
    assert len(serials) == 20
    assert max(map(len, serials)) > 32
    assert all(serial == f"{int(serial, 16):x}" for serial in serials)


def test_a_strict_verifier_accepts_the_server_and_refuses_another_root():
    for which, accepted in (("ours", True), ("theirs", False)):
        verifier = (
            PolicyBuilder()
            .store(Store([authority(NOW, which).certificate]))
            .time(certificate(LEAVES["relay"]).not_valid_before_utc)
            .build_server_verifier(x509.DNSName("a.relay.example"))
        )
        if accepted:
            assert len(verifier.verify(certificate(LEAVES["relay"]), [])) == 2
        else:
            with pytest.raises(x509.verification.VerificationError):
                verifier.verify(certificate(LEAVES["relay"]), [])


def test_an_authority_belongs_to_its_key_store():
    assert Authority(store(), OURS.pem).pem == OURS.pem
    with pytest.raises(ValueError, match="not over the key store's root key"):
        Authority(store("theirs"), OURS.pem)


def test_certs_only():
    import base64

    der = base64.b64decode(certs_only(LEAVES["device"].pem, OURS.pem))
    assert set(pkcs7.load_der_pkcs7_certificates(der)) == {
        certificate(LEAVES["device"]),
        OURS.certificate,
    }
