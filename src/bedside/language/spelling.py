"""A key's fingerprint as words that two people can compare on the telephone, in any language.

Sixteen words of the radio spelling alphabet, which pilots, ships and the military use the world
over: 75 bits of the fingerprint. Somebody who wants another key with the same words has to try
some 10^22 of them.
"""

from base64 import b64decode

__all__ = ["WORDS", "spell"]

_ALPHABET = [
    "Alfa",
    "Bravo",
    "Charlie",
    "Delta",
    "Echo",
    "Foxtrot",
    "Golf",
    "Hotel",
    "India",
    "Juliett",
    "Kilo",
    "Lima",
    "Mike",
    "November",
    "Oscar",
    "Papa",
    "Quebec",
    "Romeo",
    "Sierra",
    "Tango",
    "Uniform",
    "Victor",
    "Whiskey",
    "X-ray",
    "Yankee",
    "Zulu",
]
_PREFIX = "SHA256:"
WORDS = 16
_GROUP = 4


def spell(fingerprint: str) -> tuple[str, ...]:
    """Return four lines of four words for `SHA256:...`, as `ssh-keygen -l` writes it.

    Raises ValueError for anything else.
    """
    if not fingerprint.startswith(_PREFIX) or len(fingerprint) != len(_PREFIX) + 43:
        raise ValueError("not a SHA-256 fingerprint")
    number = int.from_bytes(b64decode(fingerprint[len(_PREFIX) :] + "=", validate=True), "big")
    words = []
    for _ in range(WORDS):
        number, letter = divmod(number, len(_ALPHABET))
        words.append(_ALPHABET[letter])
    return tuple(" ".join(words[at : at + _GROUP]) for at in range(0, WORDS, _GROUP))
