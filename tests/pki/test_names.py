import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.pki.names import (
    CertificateKind,
    CertificateName,
    CertificateNameError,
    check_peer,
    parse_certificate_name,
    peer_name,
    peer_serial,
)
from tests.protocol.samples import DEVICE, SESSION

URIS = [
    "bedside:device/CI-20417",
    "bedside:relay/a",
    f"bedside:session/{SESSION}",
    "bedside:console/live",
]
NAME = CertificateName(CertificateKind.DEVICE, DEVICE)


@pytest.mark.parametrize("uri", URIS)
def test_names_read_as_they_are_written(uri):
    assert parse_certificate_name(uri).uri == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "bedside:",
        "bedside:device",
        "bedside:device/",
        "bedside:device/ci-1",
        "bedside:device/CI-1/x",
        "bedside:device/CI-1\n",
        "bedside:device/CI-1\x00",
        "bedside:person/CI-1",
        "Bedside:device/CI-1",
        "https://bedside:device/CI-1",
        "device/CI-1",
        "bedside:relay/CI-1",
        "bedside:session/CI-1",
    ],
)
def test_refused(uri):
    with pytest.raises(CertificateNameError):
        parse_certificate_name(uri)


@given(st.text(max_size=40))
def test_any_text(text):
    for uri in (text, f"bedside:{text}", f"bedside:device/{text}"):
        try:
            assert parse_certificate_name(uri).uri == uri
        except CertificateNameError:
            continue


def test_a_certificate_speaks_for_exactly_one():
    one = {"subjectAltName": (("URI", URIS[0]), ("DNS", "a.example"))}
    assert peer_name(one) == NAME
    check_peer(one, NAME)
    for certificate in (
        None,
        {},
        {"subjectAltName": (("DNS", URIS[0]),)},
        {"subjectAltName": (("URI", URIS[0]), ("URI", URIS[0]))},
        {"subjectAltName": (("URI", URIS[0]), ("URI", "https://a.example"))},
    ):
        with pytest.raises(CertificateNameError):
            peer_name(certificate)
    with pytest.raises(CertificateNameError):
        check_peer(one, CertificateName(CertificateKind.DEVICE, "CI-20418"))


def test_serials_are_written_as_in_the_feed():
    assert peer_serial({"serialNumber": "00AF10"}) == "af10"
    for certificate in (None, {}, {"serialNumber": "x"}):
        with pytest.raises(CertificateNameError):
            peer_serial(certificate)
