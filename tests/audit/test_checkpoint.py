"""Signed heads: the format of C2SP, and what is refused."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from bedside.audit.checkpoint import (
    Checkpoint,
    CheckpointError,
    VerifierKey,
    open_checkpoint,
    parse_checkpoint,
    parse_verifier_key,
    sign_checkpoint,
)

# The example key of golang.org/x/mod/sumdb/note, whose format C2SP's signed notes are.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngo"
    "tpRZb6KE6RyyBwJnAM=\n"
)

ROOT = bytes(range(32))


def log_key(name="bayard.example/journal", seed=1):
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return VerifierKey(name, private.public_key().public_bytes_raw()), private.sign


def signed(checkpoint=None, name="bayard.example/journal", seed=1):
    key, sign = log_key(name, seed)
    return sign_checkpoint(checkpoint or Checkpoint(name, 7, ROOT), key, sign)


def test_a_known_key_is_read_and_written():
    key = parse_verifier_key(GO_KEY)
    assert key.name == "PeterNeumann"
    assert key.to_text() == GO_KEY


def test_a_known_signature_holds():
    text, _, tail = GO_NOTE.rpartition("\n\n")
    signature = base64.b64decode(tail.split()[2])
    key = parse_verifier_key(GO_KEY)
    assert signature[:4] == key.hash
    assert key.is_signature((text + "\n").encode(), signature[4:])
    assert not key.is_signature(text.encode(), signature[4:])


def test_a_signed_checkpoint_is_opened():
    key, _ = log_key()
    note = signed()
    assert note.startswith(
        "bayard.example/journal\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n"
        "— bayard.example/journal "
    )
    assert open_checkpoint(note, [key]) == Checkpoint("bayard.example/journal", 7, ROOT)


def test_extensions_and_other_signatures_are_kept_and_passed_over():
    key, _ = log_key()
    other = signed(seed=2)
    checkpoint = Checkpoint("o", 0, ROOT, ("ext one", "two"))
    note = signed(checkpoint) + other.split("\n\n")[1]
    assert open_checkpoint(note, [key]) == checkpoint
    assert parse_checkpoint(note) == checkpoint


@pytest.mark.parametrize(
    ("old", "new"),
    [("\n7\n", "\n8\n"), ("AAEC", "BAEC"), ("example", "exampel")],
)
def test_a_changed_checkpoint_is_refused(old, new):
    key, _ = log_key()
    text, gap, tail = signed().partition("\n\n")
    with pytest.raises(CheckpointError, match="signature of"):
        open_checkpoint(text.replace(old, new) + gap + tail, [key])


def test_a_checkpoint_by_other_keys_is_refused():
    note = signed()
    for name, seed in (("bayard.example/journal", 2), ("other.example", 1)):
        with pytest.raises(CheckpointError, match="no known key"):
            open_checkpoint(note, [log_key(name, seed)[0]])
    with pytest.raises(CheckpointError, match="no known key"):
        open_checkpoint(note, [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n7\n\n",
        "origin\n07\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "origin\n-7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "origin\n٧\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "origin\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n",
        "origin\n7\nAAEC\n",
        "origin\n7\n!\n",
        "\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "origin\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    ],
)
def test_malformed_checkpoints_are_refused(text):
    with pytest.raises(CheckpointError):
        Checkpoint.from_text(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.removesuffix("\n"),
        lambda note: note.replace("— ", "- "),
        lambda note: note.replace("— ", "—  "),
        lambda note: note.replace("7\n", "7\r\n"),
        lambda note: note + "x" * 9000,
        lambda note: note + note.split("\n\n")[1] * 16,
        lambda note: note.split("\n\n")[0] + "\n\n— name AAAA\n",
        lambda note: note.split("\n\n")[0] + "\n\n— name AAA=A\n",
    ],
)
def test_malformed_notes_are_refused(change):
    key, _ = log_key()
    with pytest.raises(CheckpointError):
        open_checkpoint(change(signed()), [key])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+c74f20a3",
        GO_KEY.replace("c74f20a3", "c74f20a4"),
        GO_KEY.replace("+ARpc", "+Axpc"),
        GO_KEY.replace("TW", "T"),
        GO_KEY.replace("Peter", "Peter "),
    ],
)
def test_malformed_keys_are_refused(text):
    with pytest.raises(CheckpointError):
        parse_verifier_key(text)


@pytest.mark.parametrize("origin", ["", "two\nlines"])
def test_what_could_not_be_read_back_is_not_signed(origin):
    key, sign = log_key()
    with pytest.raises(CheckpointError):
        sign_checkpoint(Checkpoint(origin, 1, ROOT), key, sign)


@given(st.text(max_size=300))
def test_any_text_gives_a_checkpoint_error(text):
    key, _ = log_key()
    with pytest.raises(CheckpointError):
        open_checkpoint(text, [key])
    with pytest.raises(CheckpointError):
        parse_verifier_key(text)
