"""Opens what the console sent: unseal, check the signature, read strictly (in this order).

Whatever a relay did to it, a document either comes out as the console signed it for this device or
not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from bedside.pki.sealing import SealError, message_info, unseal
from bedside.pki.signing import (
    CONFIGURATION,
    ORDER,
    RECEIPT,
    WITHDRAWAL,
    SignatureError,
    open_envelope,
)
from bedside.protocol.errors import ProtocolError
from bedside.protocol.orders import (
    MAX_DOCUMENT,
    DeviceConfiguration,
    Document,
    Receipt,
    SessionOrder,
    Withdrawal,
)
from bedside.vocabulary import DeviceId, Gate, MessageKind

__all__ = ["Opened", "Opener", "OpeningError"]

_KINDS: dict[MessageKind, tuple[str, type[Document]]] = {
    MessageKind.CONFIGURATION: (CONFIGURATION, DeviceConfiguration),
    MessageKind.ORDER: (ORDER, SessionOrder),
    MessageKind.RECEIPT: (RECEIPT, Receipt),
    MessageKind.WITHDRAWAL: (WITHDRAWAL, Withdrawal),
}


class OpeningError(ValueError):
    """The document is not one for this device; `gate` is the refusal's name."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(str(gate))
        self.gate = gate


@dataclass(frozen=True, slots=True)
class Opened:
    """A document as signed, and the hash (hex) of the signed bytes."""

    document: Document
    digest: str


class Opener:
    """Opens documents for one device.

    Args:
        device: whose name they must carry.
        sealing_keys: this device's private sealing keys, the newest first.
        order_keys: the console's pinned public keys by key id.
    """

    def __init__(
        self, device: DeviceId, sealing_keys: Sequence[Any], order_keys: Mapping[str, Any]
    ) -> None:
        self._device = device
        self._sealing_keys = sealing_keys
        self._order_keys = order_keys

    def open(self, kind: MessageKind, sealed: bytes) -> Opened:
        """Return the console's document in `sealed`, or raise OpeningError with the gate.

        What cannot be unsealed or is signed by another key fails as ORDER_SIGNATURE, what is
        signed but malformed as ORDER_MALFORMED, another device's as ORDER_DEVICE.
        """
        payload_type, document_class = _KINDS[kind]
        envelope = self.unseal(sealed)
        try:
            payload = open_envelope(envelope, payload_type, self._order_keys, limit=MAX_DOCUMENT)
        except SignatureError as error:
            raise OpeningError(Gate.ORDER_SIGNATURE) from error
        try:
            document: Any = document_class.from_bytes(payload)
        except ProtocolError as error:
            raise OpeningError(Gate.ORDER_MALFORMED) from error
        if document.device != self._device:
            raise OpeningError(Gate.ORDER_DEVICE)
        return Opened(document, sha256(payload).hexdigest())

    def unseal(self, sealed: bytes) -> bytes:
        """Return the envelope in `sealed`, unread, or raise OpeningError (ORDER_SIGNATURE).

        That it was sealed to this device says nothing of who did: what signed it is to be asked.
        """
        info = message_info(self._device)
        for key in self._sealing_keys:
            try:
                return unseal(key, sealed, info=info)
            except SealError:
                continue
        raise OpeningError(Gate.ORDER_SIGNATURE)
