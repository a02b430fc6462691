"""What every signed document is: `to_bytes` is what is signed, `from_bytes` what a reader accepts."""

from typing import Any, ClassVar, Self

from bedside.protocol.codec import Fields, Wire, parse_json
from bedside.protocol.errors import LocalMisuseError, ProtocolError

__all__ = ["MAX_DOCUMENT", "Document"]

MAX_DOCUMENT = 20 * 1024


class Document(Wire):
    """A signed document: `to_bytes` is what is signed, `from_bytes` what a reader accepts."""

    __slots__ = ()
    FIXED: ClassVar[dict[str, str | int]] = {"v": 1}
    LIMIT: ClassVar[int] = MAX_DOCUMENT

    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> Self:
        """Read a document; raises ProtocolError."""
        fields = Fields(obj)
        fields.version()
        document = cls._read(fields)
        fields.end()  # 2.1
        return document

    @classmethod
    def _read(cls, fields: Fields) -> Self:
        del fields
        raise LocalMisuseError(f"{cls.__name__} is not a document")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a document's canonical JSON; raises ProtocolError."""
        return cls.from_dict(parse_json(data, limit=cls.LIMIT))

    def to_bytes(self) -> bytes:
        """Return the canonical JSON; raise LocalMisuseError if no reader would accept it."""
        data = self.to_json()
        try:
            self.from_bytes(data)
        except ProtocolError as error:
            raise LocalMisuseError(f"{type(self).__name__} would be refused: {error}") from error
        return data
