"""Signed notes and verifier keys: nothing but the known signature opens a note."""

from bedside.audit.checkpoint import (
    CheckpointError,
    open_checkpoint,
    parse_checkpoint,
    parse_verifier_key,
)

_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
_KEYS = [parse_verifier_key(_KEY)]
SEEDS = (
    _KEY.encode(),
    "bayard.example/journal\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngo"
    "tpRZb6KE6RyyBwJnAM=\n".encode(),
)


def parse(data: bytes) -> None:
    """Read the text as a note and as a key."""
    text = data.decode("utf-8", "replace")
    try:
        checkpoint = parse_checkpoint(text)
        assert text.startswith(checkpoint.to_text())
        open_checkpoint(text, _KEYS)
    except CheckpointError:
        pass
    else:
        raise AssertionError("a note was opened that nobody signed")
    try:
        key = parse_verifier_key(text)
    except CheckpointError:
        return
    assert key.to_text() == text.strip()
