"""Every signed document: whatever one class accepts, it writes back and reads the same."""

from bedside.protocol.errors import ProtocolError
from tests.protocol.samples import DOCUMENTS

SEEDS = tuple(document.to_bytes() for document in DOCUMENTS)
CLASSES = tuple({type(document) for document in DOCUMENTS})


def parse(data: bytes) -> None:
    """Offer the bytes to every kind of document."""
    for kind in CLASSES:
        try:
            document = kind.from_bytes(data)
        except ProtocolError:
            continue
        assert kind.from_bytes(document.to_bytes()) == document
