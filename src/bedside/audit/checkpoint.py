"""Signed heads of the console's log: C2SP tlog-checkpoint in a signed note with Ed25519.

Rules held here (https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note):

1. The text is origin, size, root in base64, each on its line, and lines of extension if any.
2. A note is text, an empty line, and lines of signatures `— name base64(key hash || signature)`.
3. A verifier key is `name+hash+base64(0x01 || key)`; the hash is SHA-256(name || LF || 0x01 || key)
   cut to four bytes.
4. A note is good when at least one known key signed it; a bad signature by a known key refuses it,
   signatures by unknown keys are passed over.

`cryptography` is imported in the functions that sign and verify, so that parsing stays cheap.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

__all__ = [
    "MAX_NOTE_BYTES",
    "Checkpoint",
    "CheckpointError",
    "VerifierKey",
    "open_checkpoint",
    "parse_checkpoint",
    "parse_verifier_key",
    "sign_checkpoint",
]

MAX_NOTE_BYTES = 8192
_ED25519 = b"\x01"
_SIGNATURE_LINE = re.compile(r"— ([^\s+]{1,200}) ([A-Za-z0-9+/]{4,400}={0,2})\Z")
_SIZE = re.compile(r"(?:0|[1-9][0-9]{0,15})\Z", re.ASCII)
_NAME = re.compile(r"[^\s+]{1,200}\Z")


class CheckpointError(ValueError):
    """A note, a checkpoint or a verifier key is malformed or not signed by a known key."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its origin, how many entries, and the Merkle root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Return the checkpoint's text, the part that is signed."""
        root = base64.b64encode(self.root).decode("ascii")
        return "\n".join([self.origin, str(self.size), root, *self.extensions]) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the checkpoint of a note's text, or raise CheckpointError."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "" or not all(lines):
            raise CheckpointError("a checkpoint has at least three lines, none of them empty")
        origin, size, root, *extensions = lines
        if not _SIZE.match(size):
            raise CheckpointError("the size is not a decimal number")
        return cls(origin, int(size), _unbase64(root, 32), tuple(extensions))


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A log's public key and the name it signs with."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.match(self.name) or len(self.public) != 32:
            raise CheckpointError("not a verifier key")

    @property
    def hash(self) -> bytes:
        """The four bytes that stand before this key's signatures."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def to_text(self) -> str:
        """Return `name+hash+base64`, the form in which keys are handed over."""
        key = base64.b64encode(_ED25519 + self.public).decode("ascii")
        return f"{self.name}+{self.hash.hex()}+{key}"

    def is_signature(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `text`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


def parse_verifier_key(text: str) -> VerifierKey:
    """Return the key that `text` spells, or raise CheckpointError."""
    name, _, rest = text.strip().partition("+")
    stated, _, encoded = rest.partition("+")
    key = _unbase64(encoded, 33)
    if not key.startswith(_ED25519):
        raise CheckpointError("only Ed25519 keys are known")
    verifier = VerifierKey(name, key[1:])
    if verifier.hash.hex() != stated:
        raise CheckpointError("the key's hash does not belong to it")
    return verifier


def sign_checkpoint(
    checkpoint: Checkpoint, key: VerifierKey, sign: Callable[[bytes], bytes]
) -> str:
    """Return the signed note; `sign` gives the Ed25519 signature of bytes with the key's half."""
    text = checkpoint.to_text()
    if Checkpoint.from_text(text) != checkpoint:
        raise CheckpointError("the checkpoint cannot be written")
    signature = base64.b64encode(key.hash + sign(text.encode())).decode("ascii")
    return f"{text}\n— {key.name} {signature}\n"


def parse_checkpoint(note: str) -> Checkpoint:
    """Return the checkpoint in a note without judging its signatures (rule 4 is not applied)."""
    return Checkpoint.from_text(_split_note(note)[0])


def open_checkpoint(note: str, keys: Iterable[VerifierKey]) -> Checkpoint:
    """Return the checkpoint that one of `keys` signed, or raise CheckpointError."""
    text, signatures = _split_note(note)
    known = {(key.name, key.hash): key for key in keys}
    signed = False
    for name, blob in signatures:
        key = known.get((name, blob[:4]))
        if key is None:
            continue
        if not key.is_signature(text.encode(), blob[4:]):
            raise CheckpointError(f"the signature of {name} is wrong")
        signed = True
    if not signed:
        raise CheckpointError("no known key signed this")
    return Checkpoint.from_text(text)


def _split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    if len(note) > MAX_NOTE_BYTES or any(c < " " and c != "\n" for c in note):
        raise CheckpointError("a note is text of at most 8 KiB")
    text, gap, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if not gap or lines.pop() != "" or not 0 < len(lines) <= 16:
        raise CheckpointError("a note is a text, an empty line and signatures")
    return text + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE_LINE.match(line)
    if not match:
        raise CheckpointError("a line of signature is malformed")
    blob = _unbase64(match[2])
    if len(blob) < 5:
        raise CheckpointError("a signature is too short")
    return match[1], blob


def _unbase64(text: str, size: int | None = None) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CheckpointError("not base64") from error
    canonical = base64.b64encode(data).decode("ascii") == text
    if not canonical or (size is not None and len(data) != size):
        raise CheckpointError("not the base64 of this many bytes")
    return data
