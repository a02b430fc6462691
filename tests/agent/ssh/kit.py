"""A specialist and a device in a folder: keys, certificates, a profile, an endpoint on a Unix socket.

The endpoint gets one end of each connection that the Unix socket accepts, as it would get the
tunnel it dialled; `ssh` reaches that socket by a ProxyCommand. Nothing listens on TCP.
"""

import asyncio
import contextlib
import os
import secrets
import shlex
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bedside.agent.ssh.children import Leash
from bedside.agent.ssh.grant import SessionGrant, SessionLimits
from bedside.agent.ssh.server import Endpoint
from bedside.agent.ssh.stage import Stage
from bedside.agent.tether import start_leash
from bedside.agent.users import SessionUsers
from bedside.audit.entry import DetailValue, Thing
from bedside.language import Language
from bedside.protocol.profile import ProductProfile, parse_profile
from bedside.vocabulary import (
    AccessKind,
    DeviceId,
    Gate,
    JournalAction,
    Mode,
    Outcome,
    SessionId,
    SiteAction,
)

# Processes are swept by their session over the whole machine: tests beside each other share none.
SESSION = SessionId("0" + secrets.token_hex(13)[:25].upper())
DEVICE = DeviceId("CI-20417")
CREDENTIAL = "bedside-support-1"
CODE = "123456"

_PROFILE = """
id = "contrast-injector"
version = "1"
software_only = false
[names]
en = "Injector"
fr = "Injecteur"
[safe_state]
command = ["/bin/true"]
timeout_s = 5
[access.service]
command = ["/bin/sh", "{folder}/service"]
view_command = ["/bin/sh", "{folder}/service", "--view"]
[access.system]
shell = ["/bin/sh"]
read_only_commands = [["uname", "-s"], ["cat", "{folder}/events.log"]]
[inbox]
path = "{folder}/inbox"
max_bytes = {inbox_bytes}
[[endpoints]]
name = "desktop"
port = {port}
purpose = {{ en = "Screen", fr = "Ecran" }}
[[endpoints]]
name = "status"
port = {view_port}
view_safe = true
purpose = {{ en = "Status", fr = "Etat" }}
[[data_items]]
name = "events.log"
path = "{folder}/events.log"
scrub = "none"
max_bytes = 500000000
purpose = {{ en = "Events", fr = "Evenements" }}
[[data_items]]
name = "link"
path = "{folder}/link"
scrub = "none"
max_bytes = 1000
purpose = {{ en = "A link", fr = "Un lien" }}
"""


@dataclass
class Entry:
    action: JournalAction
    outcome: Outcome
    gate: Gate | None
    detail: Mapping[str, DetailValue]


@dataclass
class Hooks:
    """The agent's side of the endpoint, in memory."""

    entries: list[Entry] = field(default_factory=list)
    activities: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    live: int = 0
    refusals: list[Gate] = field(default_factory=list)
    byte_count: int = 0
    journal_full: bool = False
    checks: int = 0

    async def check_support_credential(self, text: str) -> bool:
        self.checks += 1
        await asyncio.sleep(0)
        return text == CREDENTIAL

    async def check_presence_code(self, text: str) -> bool:
        await asyncio.sleep(0)
        return text == CODE

    async def record(
        self,
        action: JournalAction,
        *,
        outcome: Outcome = Outcome.SUCCESS,
        gate: Gate | None = None,
        object: Thing | None = None,  # noqa: A002
        detail: Mapping[str, DetailValue] = {},
    ) -> None:
        if self.journal_full:
            raise OSError(28, "No space left on device")
        self.entries.append(Entry(action, outcome, gate, dict(detail)))

    def doing(self, text: str, *, may_change: bool) -> None:
        self.activities.append(text)
        if may_change:
            self.changes.append(text)

    def authenticated(self) -> None:
        if self.journal_full:
            raise OSError(28, "No space left on device")
        succeeded = JournalAction.SESSION_AUTHENTICATION_SUCCEEDED
        self.entries.append(Entry(succeeded, Outcome.SUCCESS, None, {}))
        self.live += 1

    def session_bytes(self, count: int) -> None:
        self.byte_count += count

    def refused(self, gate: Gate) -> None:
        self.refusals.append(gate)

    def gates(self) -> list[Gate]:
        return [entry.gate for entry in self.entries if entry.gate is not None]

    def actions(self) -> list[JournalAction]:
        return [entry.action for entry in self.entries]


def make_profile(
    folder: Path, *, port: int = 1, view_port: int = 2, inbox_bytes: int = 500_000_000
) -> ProductProfile:
    text = _PROFILE.format(folder=folder, port=port, view_port=view_port, inbox_bytes=inbox_bytes)
    return parse_profile(text.encode())


def make_folder(folder: Path) -> None:
    """Lay out the device's files."""
    (folder / "inbox").mkdir(exist_ok=True)
    (folder / "events.log").write_text("E12 pressure fault\n" * 1000)
    if not (folder / "link").is_symlink():
        (folder / "link").symlink_to("/etc/passwd")
    (folder / "service").write_text(
        'echo "SERVICE MENU $1"\nwhile read -r word; do echo "chose $word"; [ "$word" = q ] && exit 3; done\n'
    )


@dataclass
class Keys:
    """Every key of the play, made once."""

    user_ca: asyncssh.SSHKey
    other_ca: asyncssh.SSHKey
    host_ca: asyncssh.SSHKey
    host: asyncssh.SSHKey
    specialist: asyncssh.SSHKey
    other: asyncssh.SSHKey

    @classmethod
    def make(cls) -> "Keys":
        return cls(*(asyncssh.generate_private_key("ecdsa-sha2-nistp256") for _ in range(6)))

    def certificate(
        self,
        *,
        ca: asyncssh.SSHKey | None = None,
        key: asyncssh.SSHKey | None = None,
        **changes: Any,
    ) -> asyncssh.SSHCertificate:
        """The specialist's certificate, with `changes`."""
        options = {
            "principals": [SESSION],
            "valid_after": "-5m",
            "valid_before": "+30m",
            "permit_x11_forwarding": False,
            "permit_agent_forwarding": False,
            "permit_user_rc": False,
        } | changes
        certified = (key or self.specialist).convert_to_public()
        return (ca or self.user_ca).generate_user_certificate(certified, "test", **options)


KEYS = Keys.make()


def make_grant(profile: ProductProfile, **changes: Any) -> SessionGrant:
    host_certificate = KEYS.host_ca.generate_host_certificate(
        KEYS.host.convert_to_public(), "host", principals=[DEVICE, DEVICE.lower()]
    )
    values: dict[str, Any] = {
        "session": SESSION,
        "device": DEVICE,
        "access": AccessKind.SYSTEM,
        "mode": Mode.CONTROL,
        "language": Language.ENGLISH,
        "user_ca": KEYS.user_ca.export_public_key().decode(),
        "key_fingerprint": KEYS.specialist.get_fingerprint(),
        "host_key": KEYS.host.export_private_key(),
        "host_certificate": host_certificate.export_certificate().decode(),
        "profile": profile,
        "actions": frozenset({SiteAction.FILES_IN, SiteAction.FILES_OUT}),
        "limits": SessionLimits(),
    }
    return SessionGrant(**(values | changes))


@dataclass
class Result:
    status: int
    out: bytes
    err: str


class Device:
    """An endpoint, reachable by the real OpenSSH client."""

    def __init__(self, folder: Path, endpoint: Endpoint, hooks: Hooks, leash_pid: int) -> None:
        self.folder = folder
        self.endpoint = endpoint
        self.hooks = hooks
        self.leash_pid = leash_pid
        self.socket = folder / "s"
        self.user = "system"
        self.credential = CREDENTIAL
        self.code = CODE
        self.more_environment: dict[str, str] = {}
        self.tls = False
        self.known_key = KEYS.host
        self.stage = Stage()

    def set_certificate(
        self, certificate: asyncssh.SSHCertificate | None, key: asyncssh.SSHKey | None = None
    ) -> None:
        """What the specialist's computer holds."""
        path = self.folder / "id"
        path.write_bytes((key or KEYS.specialist).export_private_key())
        path.chmod(0o600)
        beside = self.folder / "id-cert.pub"
        beside.unlink(missing_ok=True)
        if certificate is not None:
            beside.write_bytes(certificate.export_certificate())

    def config(self) -> Path:
        """An ssh configuration as `bedside ssh-config` would write it."""
        known = self.known_key.export_public_key().decode()
        (self.folder / "known_hosts").write_text(f"{DEVICE} {known}")
        bridge = f"{sys.executable} -I -S {Path(__file__).with_name('bridge.py')} {self.socket}"
        bridge += " tls" * self.tls
        path = self.folder / "config"
        path.write_text(
            f"Host device\nHostName {DEVICE}\nHostKeyAlias {DEVICE}\nUser {self.user}\nProxyCommand {bridge}\n"
            f"IdentityFile {self.folder}/id\nIdentitiesOnly yes\n"
            f"UserKnownHostsFile {self.folder}/known_hosts\nGlobalKnownHostsFile none\n"
            "HostKeyAlgorithms ecdsa-sha2-nistp256\n"
            "StrictHostKeyChecking yes\nLogLevel INFO\n"
            "PreferredAuthentications publickey,keyboard-interactive\n"
        )
        return path

    def environment(self) -> dict[str, str]:
        askpass = self.folder / "askpass"
        askpass.write_text(
            "#!/bin/sh\n"
            f'echo "$1" >> {self.folder}/asked\n'
            f'case "$1" in *upport*|*soutien*) echo {shlex.quote(self.credential)};; '
            f"*) echo {shlex.quote(self.code)};; esac\n"
        )
        askpass.chmod(0o700)
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "SSH_ASKPASS": str(askpass),
            "SSH_ASKPASS_REQUIRE": "force",
            "DISPLAY": ":97",
            **self.more_environment,
        }

    async def start(self, program: str, *arguments: str) -> asyncio.subprocess.Process:
        """Start ssh, scp or sftp with the session's configuration."""
        return await asyncio.create_subprocess_exec(
            program, "-F", str(self.config()), *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=self.environment(), cwd=self.folder,
        )  # fmt: skip

    async def run(
        self, program: str, *arguments: str, stdin: bytes = b"", timeout: float = 60
    ) -> Result:
        """Run ssh, scp or sftp to its end."""
        process = await self.start(program, *arguments)
        try:
            async with asyncio.timeout(timeout):
                out, err = await process.communicate(stdin)
        except TimeoutError:
            process.kill()
            out, err = await process.communicate()
            raise AssertionError(f"{program} did not end: {out!r} {err!r}") from None
        return Result(process.returncode or 0, out, err.decode(errors="replace"))

    def asked(self) -> list[str]:
        """What the client was asked, prompt by prompt."""
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []


@contextlib.asynccontextmanager
async def device(
    folder: Path,
    *,
    port: int = 1,
    view_port: int = 2,
    inbox_bytes: int = 500_000_000,
    tls: bool = False,
    users: SessionUsers | None = None,
    **grant: Any,
) -> AsyncIterator[Device]:
    """A device whose session is ready to be authenticated."""
    make_folder(folder)
    hooks = Hooks()
    leash_pid, control = start_leash(users or SessionUsers())
    leash = Leash(control)
    profile = make_profile(folder, port=port, view_port=view_port, inbox_bytes=inbox_bytes)
    stage = Stage()
    endpoint = Endpoint(make_grant(profile, **grant), hooks, leash, stage)
    loop = asyncio.get_running_loop()

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            endpoint.serve(cast("asyncio.Transport", transport))

    play = Device(folder, endpoint, hooks, leash_pid)
    play.stage = stage
    play.user = str(grant.get("access", AccessKind.SYSTEM))
    play.set_certificate(KEYS.certificate())
    server = await loop.create_unix_server(
        Accepted, play.socket, ssl=tls_context(folder) if tls else None
    )
    play.tls = tls
    try:
        yield play
    finally:
        server.close()
        await endpoint.end()
        await asyncio.sleep(0)
        leash.close()
        await asyncio.to_thread(os.waitpid, leash_pid, 0)
        await server.wait_closed()


def tls_context(folder: Path) -> ssl.SSLContext:
    """Return a TLS 1.3 server context with a certificate that nobody checks here."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "play")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(key, SHA256())
    )
    path = folder / "tls.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(path)
    return context


def client_options(play: Device) -> asyncssh.SSHClientConnectionOptions:
    """Return options of asyncssh's own client, whose steps a test can change."""

    class Answers(asyncssh.SSHClient):
        def kbdint_auth_requested(self) -> str:
            return ""

        def kbdint_challenge_received(
            self, name: str, instructions: str, lang: str, prompts: Any
        ) -> list[str]:
            return [play.credential, play.code] if prompts else []

    return asyncssh.SSHClientConnectionOptions(
        client_factory=Answers,
        host="device",
        username=play.user,
        known_hosts=None,
        client_keys=[(KEYS.specialist, KEYS.certificate())],
        config=None,
        agent_path=None,
        preferred_auth=["publickey", "keyboard-interactive"],
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    """End a client that runs on and return what it said.

    Said again each second: a client that was about to wait when the signal came may not notice it.
    """
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        saying = tasks.create_task(process.communicate())
        while not saying.done():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait([saying], timeout=1)
    return saying.result()
