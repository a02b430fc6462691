"""What comes through a relay either is what the console signed for this device, or has a gate."""

from dataclasses import replace

import pytest

from bedside.agent.documents import Opener, OpeningError
from bedside.pki.sealing import message_info, report_info, seal
from bedside.pki.signing import ORDER, WITHDRAWAL, KeySigner, key_id, sign_envelope
from bedside.vocabulary import DeviceId, Gate, MessageKind
from tests.agent.test_plan import ORDER as DOCUMENT
from tests.pki.world import new_key

DEVICE = DeviceId("CI-20417")
SEALING, OTHER = new_key(), new_key()
CONSOLE_KEY = new_key()
CONSOLE = KeySigner(CONSOLE_KEY)
INFO = message_info(DEVICE)
OPENER = Opener(
    DEVICE, [OTHER, SEALING], {key_id(CONSOLE_KEY.public_key()): CONSOLE_KEY.public_key()}
)


def sealed(payload=None, *, kind=ORDER, signer=CONSOLE, key=SEALING, info=INFO):
    envelope = sign_envelope(payload or DOCUMENT.to_bytes(), kind, signer)
    return seal(key.public_key(), envelope, info=info)


def gate_of(data: bytes, kind: MessageKind = MessageKind.ORDER) -> Gate:
    with pytest.raises(OpeningError) as raised:
        OPENER.open(kind, data)
    return raised.value.gate


def test_a_document_comes_out_as_it_went_in():
    opened = OPENER.open(MessageKind.ORDER, sealed())
    assert opened.document == DOCUMENT
    assert len(opened.digest) == 64


def test_another_signature_another_purpose_another_key_and_changed_bytes():
    stranger = KeySigner(new_key())
    assert gate_of(sealed(signer=stranger)) is Gate.ORDER_SIGNATURE
    assert gate_of(sealed(kind=WITHDRAWAL)) is Gate.ORDER_SIGNATURE
    assert gate_of(sealed(key=new_key())) is Gate.ORDER_SIGNATURE
    assert gate_of(sealed(info=report_info(DEVICE))) is Gate.ORDER_SIGNATURE
    assert gate_of(sealed(info=message_info(DeviceId("CI-20418")))) is Gate.ORDER_SIGNATURE
    data = sealed()
    assert gate_of(data[:-1] + bytes([data[-1] ^ 1])) is Gate.ORDER_SIGNATURE
    assert gate_of(data[:40]) is Gate.ORDER_SIGNATURE
    assert gate_of(b"x") is Gate.ORDER_SIGNATURE


def test_an_order_handed_out_as_something_else():
    assert gate_of(sealed(), MessageKind.WITHDRAWAL) is Gate.ORDER_SIGNATURE


def test_what_is_signed_but_malformed():
    assert gate_of(sealed(b"{}")) is Gate.ORDER_MALFORMED
    more = DOCUMENT.to_bytes()[:-1] + b',"z":1}'
    assert gate_of(sealed(more)) is Gate.ORDER_MALFORMED


def test_an_order_for_another_device():
    other = replace(DOCUMENT, device=DeviceId("CI-20418"))
    assert gate_of(sealed(other.to_bytes())) is Gate.ORDER_DEVICE
