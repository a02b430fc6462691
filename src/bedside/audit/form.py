"""The form of a canonical line, as a verifier checks it a million times.

It judges shape and not vocabulary: a line that a later version wrote, with an action unknown here,
still has its place and its hash. `parse_entry` is the strict door; this one is three times faster
than reading the JSON, and leaves unchecked only the order and uniqueness of the details' names.
"""

import re

from bedside.audit.entry import MAX_LINE_BYTES, EntryError

__all__ = ["follows", "read_place"]

_TEXT = rb'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"'
_WORD = rb'"[a-z][a-z0-9_:]*+"'
_DETAIL = rb'"[a-z][a-z0-9_]*+":(?:' + _TEXT + rb"|-?[0-9]{1,16}+|true|false)"
_FORM = re.compile(
    rb'\{"action":' + _WORD + rb',"actor":\{"id":' + _TEXT + rb',"kind":' + _WORD + rb',"name":'
    + _TEXT + rb'\},"case":(?:null|' + _TEXT + rb'),"clock":' + _WORD
    + rb',"detail":\{(?:' + _DETAIL + rb"(?:," + _DETAIL + rb')*+)?+\},"gate":(?:null|'
    + _WORD + rb'),"object":\{"id":' + _TEXT + rb',"kind":' + _WORD + rb'\},"outcome":' + _WORD
    + rb',"prev":(?:null|"([0-9a-f]{64})"),"seq":(0|[1-9][0-9]{0,15}+)'
    + rb',"session":(?:null|"[0-9A-Z]{26}"),"time":"([0-9TZ:.\-]{24})"\}',
    re.DOTALL,
)  # fmt: skip


_FULLMATCH = _FORM.fullmatch
_AFTER_SEQ = len(',"session":null,"time":"2026-11-23T14:03:22.123Z"}')
_AFTER_SEQ_IN_SESSION = _AFTER_SEQ - len("null") + len('"01K9QZ8M7Y3N5T0V2X4B6D8F1H"')


def follows(line: bytes, link: bytes) -> bool:
    """Whether `line` is an entry in form whose `prev` and `seq` are spelled by `link`.

    The same judgement as `read_place`, without taking the values out; false leaves the reason to
    `read_place`. The link is compared at its own place: a detail cannot stand in for it.
    """
    place = len(line) - len(link)
    return (
        (
            line.startswith(link, place - _AFTER_SEQ)
            or line.startswith(link, place - _AFTER_SEQ_IN_SESSION)
        )
        and _FULLMATCH(line) is not None
        and len(line) <= MAX_LINE_BYTES
        and (line.isascii() or _is_utf8(line))
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_place(line: bytes) -> tuple[int, bytes | None, bytes]:
    """Return `seq`, `prev` (hex) and `time` of a line without its newline, or raise EntryError."""
    match = _FORM.fullmatch(line)
    if match is None or len(line) > MAX_LINE_BYTES:
        raise EntryError("not an entry in canonical form")
    if not _is_utf8(line):
        raise EntryError("not UTF-8")
    prev, seq, time = match.groups()
    return int(seq), prev, time
