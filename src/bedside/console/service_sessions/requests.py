"""What a person asks for, as a value: checked on the way in, whoever sends it."""

import hashlib
import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass

from bedside.policy.facts import RequestFacts
from bedside.protocol.errors import ProtocolError
from bedside.protocol.fields import check_text
from bedside.vocabulary import AccessKind, Mode

__all__ = ["RequestError", "SessionRequest", "fingerprint"]

_KEY_LINE = re.compile(r"ecdsa-sha2-nistp256 ([A-Za-z0-9+/]{139}=)(?: [!-~]{0,60})?\Z")
# string "ecdsa-sha2-nistp256", string "nistp256", string of 65 bytes: an uncompressed point.
_KEY_HEAD = b"\0\0\0\x13ecdsa-sha2-nistp256" + b"\0\0\0\x08nistp256" + b"\0\0\0\x41" + b"\x04"


class RequestError(ValueError):
    """A value of the request cannot be used; `field` names it and `code` says why."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field}: {code}")
        self.field = field
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """What is asked for, why, and the specialist's one-session public key (an OpenSSH line)."""

    access: AccessKind
    mode: Mode
    duration_s: int
    case: str
    reason: str
    public_key: str
    ticket: str = ""

    def __post_init__(self) -> None:
        # An empty case or reason is the policy's to refuse, by its gate (S10).
        for field, limit in (("case", 64), ("reason", 500), ("ticket", 64)):
            try:
                check_text(getattr(self, field), field, max=limit, min=0)
            except ProtocolError as error:
                raise RequestError(field, error.code) from error
        fingerprint(self.public_key)

    @property
    def facts(self) -> RequestFacts:
        """The part that the policy looks at."""
        return RequestFacts(
            access=self.access,
            mode=self.mode,
            duration_s=self.duration_s,
            case=self.case,
            reason=self.reason,
        )


def fingerprint(public_key: str) -> str:
    """Return the `SHA256:...` fingerprint of an OpenSSH ecdsa-sha2-nistp256 line, or RequestError."""
    match = _KEY_LINE.match(public_key)
    if match is None:
        raise RequestError("public_key", "pattern")
    try:
        blob = a2b_base64(match[1], strict_mode=True)
    except Base64Error as error:
        raise RequestError("public_key", "base64") from error
    if len(blob) != len(_KEY_HEAD) + 64 or not blob.startswith(_KEY_HEAD):
        raise RequestError("public_key", "pattern")
    return "SHA256:" + b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")
