"""The last word of a tunnel that does not open, said as OpenSSH itself shows it.

For a shared connection (`ControlPersist`) OpenSSH leads its proxy's standard error nowhere, and a
script, `rsync` in cron or an editor has no terminal either. What it prints in every case is the
description of an SSH_MSG_DISCONNECT (RFC 4253, 11.1), which may come before any key is exchanged.
"""

import os
import select
import time
from typing import Final

from bedside.language.plain import in_ascii

__all__ = ["disconnect", "say_farewell"]

_DISCONNECT, _BY_APPLICATION = 1, 11
_BLOCK, _LEAST_PADDING = 8, 4
_PATIENCE_S: Final = 5.0
"""How long to wait for `ssh` to have read it (seconds)."""


def disconnect(text: str) -> bytes:
    """Return a server's version line and a disconnect that says `text`, nothing encrypted."""
    said = in_ascii(text).encode("ascii")
    payload = bytes([_DISCONNECT]) + _integer(_BY_APPLICATION) + _string(said) + _string(b"")
    padding = _BLOCK - (len(payload) + 5) % _BLOCK
    padding += _BLOCK if padding < _LEAST_PADDING else 0
    packet = _integer(len(payload) + padding + 1) + bytes([padding]) + payload + bytes(padding)
    return b"SSH-2.0-Bedside\r\n" + packet


def _integer(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _string(data: bytes) -> bytes:
    return _integer(len(data)) + data


def say_farewell(text: str, *, source: int, sink: int) -> None:
    """Have the `ssh` at `source` and `sink` (file descriptors) print `text` and end.

    Stays until ssh has gone, a few seconds at the most: one that finds its proxy gone while it
    still writes does not read what the proxy said.
    """
    until = time.monotonic() + _PATIENCE_S
    try:
        os.write(sink, disconnect(text))
        while (left := until - time.monotonic()) > 0 and select.select([source], [], [], left)[0]:
            if not os.read(source, 65536):
                return
    except OSError:
        return  # ssh has gone
