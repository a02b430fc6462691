"""Why an export cannot be read, in the reader's language.

The readers of journals speak short English, for programs and for the idle agent, which has no
catalogue. Here each of their sentences is known by its form, so that a person reads it in French;
a test finds every one of them in the sources.
"""

import re
from collections.abc import Callable

from bedside.language import N_

__all__ = ["REASONS", "reason_words"]

REASONS = (
    # archives
    N_("neither a folder nor a .zip nor a .tar"),
    N_("the device's manifest.json names no device: {error}"),
    N_("manifest.json states no head"),
    N_("manifest.json names no key"),
    N_("{name} cannot be read: {error}"),
    N_("{name} is not JSON: {error}"),
    N_("{name} is not a JSON object"),
    N_("{name} is not a file"),
    N_("{name} is over {limit} bytes"),
    # checkpoints
    N_("a checkpoint has at least three lines, none of them empty"),
    N_("a checkpoint has at least three lines"),
    N_("the checkpoint is not UTF-8"),
    N_("the checkpoint cannot be written"),
    N_("the size is not a decimal number"),
    N_("not a verifier key"),
    N_("only Ed25519 keys are known"),
    N_("the key's hash does not belong to it"),
    N_("the signature of {name} is wrong"),
    N_("no known key signed this"),
    N_("a note is text of at most 8 KiB"),
    N_("a note is a text, an empty line and signatures"),
    N_("a line of signature is malformed"),
    N_("a signature is too short"),
    N_("not base64"),
    N_("not the base64 of this many bytes"),
    # tiles
    N_("not the path of a tile"),
    N_("an entry is cut off"),
    N_("{count} entries where {width} are expected"),
    N_("the log has no such subtree"),
    N_("a tile has the wrong size"),
    # entries
    N_("not an entry in canonical form"),
    N_("not in canonical form"),
    N_("not an entry of {action}"),
    N_("not UTF-8"),
    N_("not JSON"),
    N_("not a JSON object"),
    N_("not an integer: {text}"),
    N_("entry is over 8 KiB"),
    N_("line is over 8 KiB"),
    N_("fields are not those of an entry"),
    N_("size and root are not those of the checkpoint"),
    N_("seq is out of range"),
    N_("time is out of range"),
    N_("time is not in the form 2026-11-23T14:03:22.123Z"),
    N_("time does not exist"),
    N_("text has a lone surrogate"),
    N_("more than {limit} details"),
    N_("detail.{name} is neither text, integer nor boolean"),
    N_("{where} has over {limit} characters"),
    N_("{where} is malformed: {error}"),
    N_("{where} is malformed"),
    N_("{where} is missing"),
    N_("{where} is not text"),
    N_("{where} is not an integer"),
    N_("{where} is not a known word"),
)

_OTHER = N_("it is damaged")


def _pattern(reason: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", reason)
    texts, names = parts[::2], parts[1::2]
    holes = [f"(?P<{name}>.+?)" for name in names] + [""]
    return re.compile("".join(re.escape(t) + hole for t, hole in zip(texts, holes, strict=True)))


_PATTERNS = [(reason, _pattern(reason)) for reason in REASONS]


def reason_words(error: object, speak: Callable[[str], str]) -> str:
    """Return what `error` says, in the language of `speak`.

    What the standard library says is kept where the reader reads English, and else is damage.
    """
    for reason, pattern in _PATTERNS:
        if found := pattern.fullmatch(str(error)):
            said = found.groupdict()
            if "error" in said:
                said["error"] = reason_words(said["error"], speak)
            return speak(reason).format(**said)
    other = speak(_OTHER)
    return str(error) if other == _OTHER else other
