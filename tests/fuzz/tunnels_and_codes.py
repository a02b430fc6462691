"""Upgrades to a tunnel, names of certificates, and enrolment codes."""

from bedside.pki.names import CertificateNameError, parse_certificate_name
from bedside.protocol.enrolment import code_id_of, parse_enrolment_code
from bedside.protocol.errors import ProtocolError
from bedside.protocol.http import RequestReader, ResponseReader
from bedside.protocol.tunnel import (
    parse_tunnel_request,
    parse_tunnel_response,
    tunnel_accepted,
    tunnel_refused,
    tunnel_request,
)
from bedside.vocabulary import Gate
from tests.protocol.samples import SESSION
from tests.protocol.test_enrolment import CODE

SEEDS = (
    tunnel_request("a.relay.example", SESSION, 5, "0" * 64),
    tunnel_refused(Gate.TUNNEL_PROOF),
    tunnel_accepted(),
    str(CODE).encode(),
    f"bedside:session/{SESSION}".encode(),
)


def parse(data: bytes) -> None:
    """Offer the bytes to every small reader."""
    requests, responses = RequestReader(), ResponseReader()
    requests.receive(data)
    responses.receive(data)
    try:
        if (asked := requests.next()) is not None:
            parse_tunnel_request(asked)
        if (answer := responses.next()) is not None:
            parse_tunnel_response(answer)
    except ProtocolError:
        pass
    text = data.decode("utf-8", "replace")
    for read in (parse_enrolment_code, code_id_of, parse_certificate_name):
        try:
            read(text)
        except (ValueError, CertificateNameError):
            continue
