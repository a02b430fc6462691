"""What somebody does to a relay who wishes it ill: each attack is one small conversation.

Each takes a `Target` and returns what the relay said, so that a test can ask whether it was refused,
and a benchmark can play it for as long as it likes.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from bedside.pki.contexts import device_client_context
from bedside.protocol.alpn import ALPN_POLL, ALPN_TUNNEL
from bedside.protocol.http import request
from bedside.protocol.poll import PollRequest
from bedside.testing.certificates import Credentials
from bedside.testing.streams import Stream, connect

__all__ = [
    "SMUGGLED",
    "Target",
    "client_hello",
    "drip",
    "flood_polls",
    "garbage_after_upgrade",
    "half_open",
    "long_chain",
    "offer_certificate",
    "often",
    "old_tls",
    "rekey",
    "self_made_certificate",
    "smuggle",
    "stalled_handshake",
]

_PEM = serialization.Encoding.PEM
_POLL_HEAD = b"POST /v1/poll HTTP/1.1\r\nhost: x\r\n"
_NEXT = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"

SMUGGLED = {
    "two kinds of length": _POLL_HEAD
    + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    + _NEXT,
    "two lengths": _POLL_HEAD + b"content-length: 0\r\ncontent-length: 43\r\n\r\n" + _NEXT,
    "the same length twice": _POLL_HEAD + b"content-length: 0\r\ncontent-length: 0\r\n\r\n" + _NEXT,
    "a list of lengths": _POLL_HEAD + b"content-length: 0, 43\r\n\r\n" + _NEXT,
    "a signed length": _POLL_HEAD + b"content-length: +0\r\n\r\n" + _NEXT,
    "a length in hexadecimal": _POLL_HEAD + b"content-length: 0x0\r\n\r\n" + _NEXT,
    "a folded line": _POLL_HEAD + b"content-length:\r\n 0\r\n\r\n" + _NEXT,
    "a space before the colon": _POLL_HEAD + b"content-length : 0\r\n\r\n" + _NEXT,
    "a bare line feed": _POLL_HEAD + b"a: b\ncontent-length: 0\r\n\r\n" + _NEXT,
    "a bare carriage return": _POLL_HEAD + b"a: b\rcontent-length: 0\r\n\r\n" + _NEXT,
    "a NUL in a name": _POLL_HEAD + b"content\0-length: 0\r\n\r\n" + _NEXT,
    "chunks by another name": _POLL_HEAD + b"transfer-encoding: xchunked\r\n\r\n" + _NEXT,
    "two hosts": b"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n" + _NEXT,
    "an older version": b"GET / HTTP/1.0\r\nhost: x\r\n\r\n" + _NEXT,
}
"""Requests that two readers could read two ways, each with another one behind it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A relay, and what an attacker has: an address to come from, and maybe a device."""

    host: str
    port: int
    server_name: str
    ca: str
    device: Credentials
    source: str | None = None

    async def raw(self) -> Stream:
        """Open a connection without TLS."""
        return await connect(self.host, self.port, source=self.source)

    async def open(self, context: ssl.SSLContext | None = None) -> Stream:
        """Open a connection as the device, or with another context."""
        own = context or device_client_context(self.device.certificate, self.device.key, self.ca)
        return await connect(self.host, self.port, own, self.server_name, source=self.source)


# ---- before TLS stands ----


async def half_open(target: Target, count: int) -> list[Stream]:
    """Open so many connections and say nothing; those that the relay took."""
    streams = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            streams.append(await target.raw())
    return streams


def client_hello(target: Target, context: ssl.SSLContext | None = None) -> bytes:
    """Return the first flight of a handshake that is meant to go no further."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls = context.wrap_bio(incoming, outgoing, server_hostname=target.server_name)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


async def stalled_handshake(target: Target) -> Stream:
    """Begin a handshake and never answer the relay's flight."""
    stream = await target.raw()
    stream.send(client_hello(target))
    return stream


async def old_tls(target: Target) -> bytes:
    """Ask for the last TLS that can renegotiate, and return the alert's two bytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    stream = await target.raw()
    stream.send(client_hello(target, context))
    return (await stream.rest())[5:7]


async def offer_certificate(target: Target, chain: Path, key: Path) -> Exception | None:
    """Shake hands with another certificate, and return how the relay broke off."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=target.ca)
    context.load_cert_chain(chain, key)
    try:
        stream = await target.open(context)
    except OSError as error:
        return error
    await stream.rest()
    return stream.error


def self_made_certificate(folder: Path, uri: str, *, size: int) -> tuple[Path, Path]:
    """Write a certificate for `uri` that nobody signed, some `size` bytes large; and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    weight = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), bytes(size))
    made = _certificate("bedside", key.public_key(), uri=uri).add_extension(weight, critical=False)
    return _write(folder, f"giant-{size}", [made.sign(key, hashes.SHA256())], key)


def long_chain(folder: Path, uri: str, *, length: int) -> tuple[Path, Path]:
    """Write a certificate for `uri` under so many authorities that nobody knows; and its key."""
    issuer_key = ec.generate_private_key(ec.SECP256R1())
    issuer = "0"
    chain: list[x509.Certificate] = []
    for number in range(length):
        key = ec.generate_private_key(ec.SECP256R1())
        is_last = number == length - 1
        builder = _certificate(str(number + 1), key.public_key(), issuer, uri if is_last else None)
        basic = x509.BasicConstraints(ca=not is_last, path_length=None)
        builder = builder.add_extension(basic, critical=True)
        chain.insert(0, builder.sign(issuer_key, hashes.SHA256()))
        issuer_key, issuer = key, str(number + 1)
    return _write(folder, f"chain-{length}", chain, issuer_key)


# ---- with a device's certificate ----


async def drip(target: Target, data: bytes, *, pause_s: float, last: int = 0) -> bytes:
    """Send `data` byte by byte, each after a pause, all but the `last` few; what is answered."""
    stream = await target.open()
    for byte in data[: len(data) - last]:
        if stream.is_closed:
            break
        stream.send(bytes([byte]))
        await asyncio.sleep(pause_s)
    return await stream.rest()


async def rekey(target: Target, count: int, *, tunnel: bool = False) -> int:
    """Ask for new keys so often without a byte between, with `openssl s_client`; its exit code."""
    files = ["-cert", str(target.device.certificate), "-key", str(target.device.key)]
    where = ["-connect", f"{target.host}:{target.port}", "-servername", target.server_name]
    bind = ["-bind", f"{target.source}:0"] if target.source else []
    spoken = ["-alpn", ALPN_TUNNEL if tunnel else ALPN_POLL]
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_client", *where, *files, *bind, *spoken),
        stdin=asyncio.subprocess.PIPE,
        stdout=null,
        stderr=null,
    )
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):
        for _ in range(count):
            process.stdin.write(b"K\n")
            await process.stdin.drain()
            # The program reads what is there at once, and takes it for a command when it is one.
            await asyncio.sleep(0.001)
        process.stdin.close()
    return await process.wait()


async def smuggle(target: Target, data: bytes) -> bytes:
    """Send what could be read in two ways; all that is answered."""
    stream = await target.open()
    stream.send(data)
    return await stream.rest()


async def garbage_after_upgrade(target: Target, head: bytes, garbage: bytes) -> bytes:
    """Ask for a tunnel and send what is no SSH before anybody answered; all that is answered."""
    context = device_client_context(
        target.device.certificate, target.device.key, target.ca, tunnel=True
    )
    stream = await target.open(context)
    stream.send(head + garbage)
    return await stream.rest()


async def flood_polls(
    target: Target, poll: PollRequest, seconds: float, *, pause_s: float, enough: int = 0
) -> int:
    """Poll on one connection without waiting for what the relay dictates; how many are answered.

    However long it takes, it polls twice as often as is `enough`, and `enough` are answered.
    """
    asked = request("POST", "/v1/poll", target.server_name, {}, poll.to_json())
    stream = await target.open()
    loop = asyncio.get_running_loop()
    end, sent, answered = loop.time() + seconds, 0, 0

    async def count() -> None:
        nonlocal answered
        while data := await stream.some():
            answered += data.count(b"HTTP/1.1 200")

    counting = loop.create_task(count())
    while (loop.time() < end or sent < 2 * enough) and not stream.is_closed:
        stream.send(asked)
        sent += 1
        await asyncio.sleep(pause_s)
    while answered < enough and not stream.is_closed:  # noqa: ASYNC110 - another task counts
        await asyncio.sleep(pause_s)
    stream.abort()
    await counting
    return answered


async def often(attack: Callable[[], Awaitable[object]], *, seconds: float, at_once: int) -> int:
    """Play an attack again and again, so many at once; how often it was played to its end."""
    loop = asyncio.get_running_loop()
    end, played = loop.time() + seconds, 0

    async def play() -> None:
        nonlocal played
        while loop.time() < end:
            with contextlib.suppress(OSError, TimeoutError):
                await attack()
            played += 1

    await asyncio.gather(*(play() for _ in range(at_once)))
    return played


def _certificate(
    subject: str, key: ec.EllipticCurvePublicKey, issuer: str = "", uri: str | None = None
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)  # noqa: TID251  # certificates of tests are made for today
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer or subject))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
    )
    if uri is None:
        return builder
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    return builder.add_extension(names, critical=False)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _write(
    folder: Path, name: str, chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey
) -> tuple[Path, Path]:
    files = folder / f"{name}.crt", folder / f"{name}.key"
    files[0].write_bytes(b"".join(each.public_bytes(_PEM) for each in chain))
    form, sealed = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(_PEM, form, sealed))
    return files
