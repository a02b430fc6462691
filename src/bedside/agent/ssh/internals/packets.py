"""The packets of an established connection, with a third of asyncssh's copies.

Used only once authentication and key exchange are complete and the cipher is AES-GCM; everything
else goes through asyncssh's own path. What is different there, and why it may be:

1. One cipher object for each key: asyncssh expands the key again for every packet.
2. No empty IGNORE packet before each packet: it protects CBC's chained vectors; GCM has none.
3. Packets of one turn of the loop leave in one write.
4. Channel data is decrypted from, and handed on without, the chain of slices; any other packet is
   given back to asyncssh, already decrypted, and judged there.
"""

import asyncio
import os
import time
from typing import Any

from asyncssh.connection import SSHServerConnection
from asyncssh.constants import MSG_CHANNEL_DATA
from asyncssh.encryption import Encryption, GCMEncryption
from asyncssh.misc import DisconnectError, MACError, ProtocolError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["FastPackets", "PacketCipher"]

_TAG = 16
_BLOCK = 16
_MSG_KEX_LAST = 49
_FLUSH_BYTES = 256 * 1024
_COUNTER_MASK = 2**64 - 1


class PacketCipher(Encryption):
    """AES-GCM of one direction (RFC 5647), carried on from where asyncssh's object stands."""

    def __init__(self, before: GCMEncryption) -> None:
        cipher = before._cipher
        self._aes = AESGCM(cipher._key)
        self._fixed = cipher._iv[:4]
        self._counter = int.from_bytes(cipher._iv[4:], "big")
        self._opened: bytes | None = None

    def _nonce(self) -> bytes:
        nonce = self._fixed + self._counter.to_bytes(8, "big")
        self._counter = (self._counter + 1) & _COUNTER_MASK
        return nonce

    def seal(self, header: bytes, plain: bytes) -> bytes:
        """Return the sealed packet body with its tag."""
        return self._aes.encrypt(self._nonce(), plain, header)

    def open(self, header: memoryview, sealed: memoryview) -> bytes:
        """Return the packet body; raises MACError when it was changed."""
        try:
            return self._aes.decrypt(self._nonce(), sealed, header)
        except InvalidTag:
            raise MACError("MAC verification failed") from None

    def put_back(self, plain: bytes) -> None:
        """Let the next `decrypt_packet` return `plain`: it was opened already."""
        self._opened = plain

    def encrypt_packet(self, seq: int, header: bytes, packet: bytes) -> tuple[bytes, bytes]:
        """Seal a packet for asyncssh's own path."""
        del seq
        sealed = self.seal(header, packet)
        return header + sealed[:-_TAG], sealed[-_TAG:]

    def decrypt_header(self, seq: int, first_block: bytes, header_len: int) -> tuple[bytes, bytes]:
        """Return the length, which is not encrypted."""
        del seq
        return first_block, first_block[:header_len]

    def decrypt_packet(
        self, seq: int, first: bytes, rest: bytes, header_len: int, mac: bytes
    ) -> bytes:
        """Open a packet for asyncssh's own path."""
        del seq
        if self._opened is not None:
            opened, self._opened = self._opened, None
            return opened
        sealed = memoryview(first[header_len:] + rest + mac)
        return self.open(memoryview(first[:header_len]), sealed)


def _faster(encryption: Encryption | None) -> Encryption | None:
    return PacketCipher(encryption) if type(encryption) is GCMEncryption else encryption


class FastPackets(SSHServerConnection):
    """A server connection whose established traffic takes the short way."""

    def __init__(self, loop: asyncio.AbstractEventLoop, options: Any) -> None:
        super().__init__(loop, options)
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._flush_due = False
        self.choked = False
        """Whether the transport asks for no more: channels keep what they have (pressure)."""

    # -- keys --------------------------------------------------------------------------------------

    def send_newkeys(self, k: bytes, h: bytes) -> None:
        """Take new keys into use, with one cipher object for each (1)."""
        super().send_newkeys(k, h)
        self._send_encryption = _faster(self._send_encryption)
        self._next_recv_encryption = _faster(self._next_recv_encryption)

    # -- out -----------------------------------------------------------------------------------------

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        """Send a packet; of an established connection, by the short way (2)."""
        cipher = self._send_encryption
        if (
            type(cipher) is not PacketCipher
            or pkttype <= _MSG_KEX_LAST
            or not (self._auth_complete and self._kex_complete)
            or self._compressor
            or self._rekey_bytes_sent >= self._rekey_bytes
            or (self._rekey_seconds and time.monotonic() >= self._rekey_time)
        ):
            super().send_packet(pkttype, *args, handler=handler)
            return
        length = 2 + sum(map(len, args))
        padding = -length % _BLOCK
        if padding < 4:
            padding += _BLOCK
        length += padding
        header = length.to_bytes(4, "big")
        plain = b"".join((bytes((padding, pkttype)), *args, os.urandom(padding)))
        self._send_seq = (self._send_seq + 1) & 0xFFFFFFFF
        self._rekey_bytes_sent += length
        self._send(header)
        self._send(cipher.seal(header, plain))

    def _send(self, data: bytes) -> None:
        """Keep `data` for the one write of this turn of the loop (3)."""
        if self._transport is None:
            return
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes >= _FLUSH_BYTES:
            self._flush(self._transport)
        elif not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush_later, self._transport)

    def _flush_later(self, transport: asyncio.Transport) -> None:
        self._flush_due = False
        self._flush(transport)

    def _flush(self, transport: asyncio.Transport) -> None:
        if self._out:
            out, self._out, self._out_bytes = self._out, [], 0
            transport.writelines(out)

    def pause_writing(self) -> None:
        """The transport has enough."""
        self.choked = True

    def resume_writing(self) -> None:
        """The transport takes more: so do the channels."""
        self.choked = False
        for chan in tuple(self._channels.values()):
            chan._flush_send_buf()

    # -- in --------------------------------------------------------------------------------------------

    def _recv_data(self) -> None:
        self._reset_keepalive_timer()
        try:
            while self._inpbuf:
                if self._is_established():
                    if not self._recv_channel_data():
                        break
                elif not self._recv_handler():
                    break
        except DisconnectError as exc:
            self._send_disconnect(exc.code, exc.reason, exc.lang)
            self._force_close(exc)
        except Exception:  # noqa: BLE001 - as asyncssh: it costs the connection, never the program
            self.internal_error()

    def _is_established(self) -> bool:
        return (
            self._auth_complete
            and type(self._recv_encryption) is PacketCipher
            and not self._decompressor
            and self._recv_handler == self._recv_pkthdr
        )

    def _recv_channel_data(self) -> bool:
        """Take every whole packet; return False when the rest needs more bytes (4)."""
        cipher = self._recv_encryption
        assert type(cipher) is PacketCipher
        received = self._inpbuf
        at = 0
        with memoryview(received) as view:
            while len(received) - at >= 4:
                length = int.from_bytes(view[at : at + 4], "big")
                if length > self._max_recv_pktlen:
                    raise ProtocolError("Max packet size exceeded")
                end = at + 4 + length + _TAG
                if end > len(received):
                    break
                plain = cipher.open(view[at : at + 4], view[at + 4 : end])
                if plain[1] != MSG_CHANNEL_DATA or not self._deliver(plain):
                    return self._hand_back(cipher, received[at:], plain)
                at = end
                self._recv_seq = (self._recv_seq + 1) & 0xFFFFFFFF
                if self._transport is None:
                    break
        self._inpbuf = received[at:]
        return False

    def _hand_back(self, cipher: PacketCipher, rest: bytes, plain: bytes) -> bool:
        """Give a packet that is not plain channel data to asyncssh."""
        self._inpbuf = rest
        cipher.put_back(plain)
        return bool(self._recv_handler() and self._recv_handler())

    def _deliver(self, plain: bytes) -> bool:
        """Hand channel data to its channel; False when it is not the simple case."""
        chan = self._channels.get(int.from_bytes(plain[2:6], "big"))
        length = int.from_bytes(plain[6:10], "big")
        if (
            chan is None
            or chan._recv_state != "open"
            or length > chan._recv_window
            or 10 + length + plain[0] != len(plain)
        ):
            return False
        self._auth_final = True
        chan._accept_data(plain[10 : 10 + length])
        return True
