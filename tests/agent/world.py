"""A manufacturer with a console that tests speak for, real relays, and one real agent on a device.

The console's part is `bedside.testing.fake_live` with the manufacturer's real keys behind it: orders
are signed and sealed, reports are opened and their chain is checked, certificates are issued.
"""

import asyncio
import contextlib
import io
import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncssh
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bedside.agent.config_file import load_config
from bedside.audit.chain import ChainHead, verify
from bedside.language import Language
from bedside.pki.authority import Authority, certs_only
from bedside.pki.delegated import delegated_key
from bedside.pki.keystore import FileKeyStore, KeyName
from bedside.pki.requests import check_renewal, check_request
from bedside.pki.sealing import message_info, report_info, seal
from bedside.pki.signing import (
    BUNDLE,
    CONFIGURATION,
    ORDER,
    RECEIPT,
    REPORT,
    WITHDRAWAL,
    key_id,
    open_envelope,
    public_key_pem,
    sign_envelope,
)
from bedside.pki.ssh_certificates import (
    issue_host_certificate,
    issue_user_certificate,
    ssh_key_line,
)
from bedside.protocol.batch import Report
from bedside.protocol.enrolment import CODE_BYTES, check_challenge, make_enrolment_code
from bedside.protocol.feed import MessageOffered, TunnelEnded, TunnelOffered
from bedside.protocol.orders import (
    DeviceConfiguration,
    DeviceReport,
    EnrolmentBundle,
    Receipt,
    SessionOrder,
    Withdrawal,
)
from bedside.protocol.poll import Refusal
from bedside.protocol.shapes import Person, Relay, Site
from bedside.protocol.tunnel import proof_digests
from bedside.relay.config import Address, Limits, RelayConfig
from bedside.relay.console_line import ConsolePlace
from bedside.relay.log import Log
from bedside.relay.server import Relay as RelayProgram
from bedside.testing.certificates import Credentials
from bedside.testing.fake_live import FakeLive
from bedside.testing.hostile_relay import HostileRelay, Tricks
from bedside.testing.operator import Operator
from bedside.testing.sockets import answers
from bedside.vocabulary import (
    AccessKind,
    DeviceId,
    Ending,
    Gate,
    Level,
    MessageKind,
    Mode,
    PollMode,
    RelayName,
    SessionId,
    SiteAction,
)

DEVICE = DeviceId("CI-20417")
PRODUCT = "contrast-injector"
CREDENTIAL = "bedside-support-1"
SITE = Site(
    id="hnd",
    name="Hôpital Notre-Dame",
    language=Language.ENGLISH,
    timezone="America/Toronto",
    country="CA",
)
MARIE = Person(
    id="p1", name="Marie Tremblay", employer="Bayard Imaging", level=Level.TWO, country="US"
)
PROFILE = """
id = "contrast-injector"
version = "1"
software_only = false
[names]
en = "Injector"
fr = "Injecteur"
[safe_state]
command = ["/bin/sh", "{folder}/safe-state"]
timeout_s = 5
[access.service]
command = ["/bin/sh", "-c", "echo SERVICE MENU; read word"]
[access.system]
shell = ["/bin/sh"]
read_only_commands = [["uname", "-s"]]
[inbox]
path = "{folder}/inbox"
max_bytes = 1000000
"""
_ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_POLLS = {"hold_ms": 2_000, "interval_ms": 1_000, "refused_retry_ms": 500, "lost_ms": 2_000}


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def new_id() -> str:
    return "0" + "".join(secrets.choice(_ULID) for _ in range(25))


def checkpoint(size: int) -> str:
    """A note in the shape of the console's; nothing on the device opens because of it."""
    root, signature = (b64encode(bytes(count)).decode() for count in (32, 68))
    return f"bedside.example/log\n{size}\n{root}\n\n— bedside.example/log {signature}\n"


class Manufacturer:
    """Keys, authority, relays' credentials, and what only the console can say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = FileKeyStore(folder / "keys")
        for name in KeyName:
            self.store.create(name)
        self.authority = Authority.create(self.store, name="Bayard Imaging", now_ms=wall_ms())
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_text(self.authority.pem)
        self.key_file = folder / "manufacturer.pub"
        self.key_file.write_text(public_key_pem(self.store.public_key(KeyName.MANUFACTURER)))

    def credentials(self, name: str, issue) -> Credentials:
        key = ec.generate_private_key(ec.SECP256R1())
        issued = issue(key.public_key())
        certificate, key_file = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_text(issued.pem)
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return Credentials(certificate, key_file, issued.serial)

    def relay(self, name: str, server_name: str) -> Credentials:
        return self.credentials(
            f"relay-{name}",
            lambda key: self.authority.issue_relay(
                key, RelayName(name), server_name=server_name, now_ms=wall_ms()
            ),
        )

    def live(self) -> Credentials:
        return self.credentials(
            "live",
            lambda key: self.authority.issue_console(
                key, server_name="live.example", now_ms=wall_ms()
            ),
        )

    def seal(self, document, kind: str, sealing_key, *, signer=None) -> bytes:
        envelope = sign_envelope(
            document.to_bytes(), kind, signer or self.store.signer(KeyName.ORDER)
        )
        return seal(sealing_key, envelope, info=message_info(document.device))


class World:
    """The manufacturer, its relays `a` and `b`, and one device."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.maker = Manufacturer(folder)
        self.live = FakeLive(self.maker.live(), "live.example")
        self.live.answer_est = self._answer_est
        self.relays: dict[str, RelayProgram] = {}
        self.serving: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = {}
        self.places: dict[str, Relay] = {}
        self.tricks: Tricks | None = None
        """What relays that start from now on play; None for honest ones."""
        self.limits = replace(Limits(), **_POLLS)
        self.code = make_enrolment_code(secrets.token_bytes(CODE_BYTES))
        self.code_used = False
        self.specialist_key = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
        self.sealing_key = None
        self.identity_key = None
        self.identity_keys: list = []
        self.host_key_line = ""
        self.entries: list[dict] = []
        self.lines: list[bytes] = []
        self.receipts = True
        self.certificate_days = 90.0
        self.serial = 0
        self._read_reports = 0
        self.state = folder / "device"
        self.state.mkdir()
        (self.state / "inbox").mkdir()
        (self.state / "machine-id").write_text("this machine")
        self.set_exam(0)
        self.agent: subprocess.Popen | None = None
        self.before_agent: tuple[str, ...] = ()
        """Words before the agent's own command (`reach`)."""
        self.operators: list[Operator] = []
        self.clients: list[asyncio.subprocess.Process] = []
        self.agent_log = (folder / "agent.log").open("ab")

    # ---- relays ----

    async def start_relay(self, name: str) -> None:
        server_name = f"relay-{name}.example"
        credentials = self.maker.relay(name, server_name)
        self.live.know(name, credentials.certificate)
        place = self.places.get(name)
        config = RelayConfig(
            name=RelayName(name),
            server_name=server_name,
            listen=(Address("127.0.0.1", place.ports[0] if place else 0),),
            certificate=credentials.certificate,
            key=credentials.key,
            ca=self.maker.ca_file,
            console=ConsolePlace("127.0.0.1", self.live.port, "live.example"),
            spool=self.maker.folder / f"spool-{name}",
            limits=self.limits,
        )
        log = Log(name, io.StringIO())
        relay = HostileRelay(config, log, self.tricks) if self.tricks else RelayProgram(config, log)
        port = relay.open()[0][1]
        self.relays[name] = relay
        stopping = asyncio.Event()
        serving = asyncio.get_running_loop().create_task(relay.serve(stopping))
        self.serving[name] = (stopping, serving)
        self.places[name] = Relay(
            name=RelayName(name), host="127.0.0.1", server_name=server_name, ports=(port,)
        )

    async def stop_relay(self, name: str) -> None:
        del self.relays[name]
        stopping, serving = self.serving.pop(name)
        stopping.set()
        await serving

    # ---- enrolment ----

    def bundle(self, **changes) -> bytes:
        store = self.maker.store
        bundle = EnrolmentBundle(
            enrolment=self.code.id,
            device=DEVICE,
            product=PRODUCT,
            display_name="Injector, room 3",
            site=SITE,
            relays=tuple(self.places.values()),
            ca=self.maker.authority.pem,
            ssh_user_ca=ssh_key_line(store.public_key(KeyName.SSH_USER_CA)),
            ssh_host_ca=ssh_key_line(store.public_key(KeyName.SSH_HOST_CA)),
            order_keys=(public_key_pem(store.public_key(KeyName.ORDER)),),
            report_key=public_key_pem(store.public_key(KeyName.REPORT)),
            checkpoint_key="console+00000000+AAAA",
            issued_ms=wall_ms(),
            expires_ms=wall_ms() + 86_400_000,
        )
        bundle = replace(bundle, **changes)
        return sign_envelope(bundle.to_bytes(), BUNDLE, store.signer(KeyName.MANUFACTURER))

    def _answer_est(self, verb: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        request = check_request(b64decode(body))
        if verb == "simpleenroll":
            good = not self.code_used and check_challenge(
                request.challenge, self.code, request.digest
            )
            self.code_used = self.code_used or good
            self.host_key_line = request.ssh_host_key
            if good:
                self.sealing_key = request.sealing_key
        else:
            good = check_renewal(request, self.identity_key)
        if not good:
            answer = Refusal(Gate.ENROLMENT_CODE, 0).to_json()
            return 403, {"content-type": "application/json"}, answer
        if self.identity_key is not None:
            self.identity_keys.append(self.identity_key)
        self.identity_key = request.public_key
        issued = self.maker.authority.issue_device(
            request.public_key, DEVICE, now_ms=wall_ms(), days=90
        )
        return 200, {"content-type": "application/pkcs7-mime"}, certs_only(issued.pem)

    # ---- the device ----

    def set_exam(self, status: int) -> None:
        (self.state / "safe-state").write_text(f"exit {status}\n")

    @property
    def config_file(self) -> Path:
        path = self.state / "agent.toml"
        profile = self.state / "profile.toml"
        if not profile.exists():
            profile.write_text(PROFILE.format(folder=self.state))
        if not path.exists():
            path.write_text(
                f'state_dir = "state"\nrun_dir = "run"\nprofile = "profile.toml"\n'
                f'manufacturer_key = "{self.maker.key_file}"\nhardware_files = ["machine-id"]\n'
            )
        return path

    @property
    def config(self):
        return load_config(self.config_file)

    async def command(self, *words: str, stdin: bytes = b"") -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *self.before_agent, sys.executable, "-m", "bedside", "agent", *words,
            "--config", str(self.config_file),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        )  # fmt: skip
        out, _ = await asyncio.wait_for(process.communicate(stdin), 60)
        return process.returncode or 0, out.decode()

    async def enrol(self) -> tuple[int, str]:
        bundle = self.folder / "bundle.json"
        bundle.write_bytes(self.bundle())
        return await self.command("enrol", "--bundle", str(bundle), "--code", str(self.code))

    async def set_credential(self) -> None:
        status, out = await self.command("set-support-credential", stdin=CREDENTIAL.encode())
        assert status == 0, out

    def start_agent(self) -> None:
        self.agent = subprocess.Popen(
            [*self.before_agent, sys.executable, "-m", "bedside", "agent", "run",
             "--config", str(self.config_file)],
            stdin=subprocess.DEVNULL, stdout=self.agent_log, stderr=self.agent_log,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        )  # fmt: skip

    def stop_agent(self, number: int = signal.SIGTERM) -> int:
        assert self.agent is not None
        self.agent.send_signal(number)
        return self.agent.wait(60)

    async def operator(self) -> Operator:
        """A person at the panel, once the agent has its socket."""
        await self.wait_until(lambda: answers(self.config.panel_socket))
        operator = await asyncio.to_thread(self._take_a_seat)
        await self.wait_until(lambda: operator.status)
        return operator

    def _take_a_seat(self) -> Operator:
        # In the thread: a test that is cancelled meanwhile still leaves nobody behind.
        operator = Operator(self.config.panel_socket)
        self.operators.append(operator)
        return operator

    # ---- what the console says ----

    async def send(
        self, document, kind: MessageKind, payload_type: str, *, signer=None, device=DEVICE
    ):
        sealed = self.maker.seal(document, payload_type, self.sealing_key, signer=signer)
        return await self.carry(sealed, kind, device=device)

    async def carry(self, sealed: bytes, kind: MessageKind, *, device=DEVICE) -> MessageOffered:
        """Hand the device what is sealed to it, whoever made it."""
        message = MessageOffered(
            device=device,
            id=new_id(),
            message_kind=kind,
            sealed=sealed,
            expires_ms=wall_ms() + 600_000,
        )
        await self.live.push(message)
        return message

    async def carry_policy(self, envelope: bytes) -> None:
        """A site's policy as the console carries it: the signed envelope, sealed to the device."""
        sealed = seal(self.sealing_key, envelope, info=message_info(DEVICE))
        await self.carry(sealed, MessageKind.SITE_POLICY)

    async def configure(self, **changes) -> None:
        self.serial += 1
        certificate = issue_host_certificate(
            delegated_key(self.maker.store, KeyName.SSH_HOST_CA),
            self.host_key_line,
            device=DEVICE,
            not_before_ms=wall_ms() - 60_000,
            not_after_ms=wall_ms() + 86_400_000,
        )
        configuration = DeviceConfiguration(
            device=DEVICE,
            serial=self.serial,
            issued_ms=wall_ms(),
            display_name="Injector, room 3",
            site=SITE,
            product=PRODUCT,
            relays=tuple(self.places.values()),
            ssh_host_certificate=certificate,
            poll_mode=PollMode.HELD,
            locked=False,
            lock_reason=None,
        )
        configuration = replace(configuration, **changes)
        await self.send(configuration, MessageKind.CONFIGURATION, CONFIGURATION)

    def order(self, **changes) -> SessionOrder:
        now_ms = wall_ms()
        order = SessionOrder(
            session=SessionId(new_id()),
            device=DEVICE,
            product=PRODUCT,
            person=MARIE,
            access=AccessKind.SYSTEM,
            mode=Mode.CONTROL,
            reason="Pressure fault E12",
            case="C-88213",
            ticket=None,
            issued_ms=now_ms,
            answer_by_ms=now_ms + 120_000,
            duration_s=1800,
            idle_s=600,
            specialist_key=self.specialist_key.get_fingerprint(),
            proof_seed=secrets.token_bytes(32),
            max_bytes=2**40,
            checkpoint=checkpoint(0),
            actions=() if changes.get("joins") else (SiteAction.FILES_IN, SiteAction.FILES_OUT),
        )
        return replace(order, **changes)

    async def ask(self, *, signer=None, **changes) -> SessionOrder:
        return await self.ask_for(self.order(**changes), signer=signer)

    async def ask_for(self, order: SessionOrder, *, signer=None) -> SessionOrder:
        await self.open_tunnel(order)
        await self.send(order, MessageKind.ORDER, ORDER, signer=signer)
        return order

    async def send_again(self, order: SessionOrder) -> None:
        """The same order in a new message, as a hostile relay could hand it out."""
        await self.send(order, MessageKind.ORDER, ORDER)

    async def open_tunnel(self, order: SessionOrder) -> None:
        offered = TunnelOffered(
            session=order.session,
            device=DEVICE,
            device_proofs=proof_digests(order.proof_seed, "device"),
            specialist_proofs=proof_digests(order.proof_seed, "specialist"),
            not_after_ms=wall_ms() + order.duration_s * 1000,
            idle_s=order.idle_s,
            max_bytes=order.max_bytes,
        )
        await self.live.push(offered)

    async def withdraw(self, order: SessionOrder, ending: Ending) -> None:
        withdrawal = Withdrawal(
            session=order.session,
            device=DEVICE,
            ending=ending,
            by="Jeanne Roy",
            gate=Gate.LOCK if ending is Ending.REVOKED else None,
            issued_ms=wall_ms(),
        )
        await self.send(withdrawal, MessageKind.WITHDRAWAL, WITHDRAWAL)
        await self.live.push(TunnelEnded(session=order.session, ending=ending))

    # ---- what the console hears ----

    async def read_reports(self) -> None:
        """Take in every report: signature, chain, and a receipt for what was new."""
        known = [event for event in self.live.received if isinstance(event, Report)]
        for event in known[self._read_reports :]:
            self._read_reports += 1
            await self._read(event)

    async def _read(self, event: Report) -> None:
        envelope = self.maker.store.unseal(
            KeyName.REPORT, event.sealed, info=report_info(event.device)
        )
        keys = {key_id(key): key for key in (self.identity_key, *self.identity_keys)}
        report = DeviceReport.from_bytes(
            open_envelope(envelope, REPORT, keys, limit=DeviceReport.LIMIT)
        )
        assert report.first <= len(self.lines), "a range is missing"
        fresh = report.entries[len(self.lines) - report.first :]
        self.lines += [line.encode() for line in fresh]
        self.entries += [json.loads(line) for line in fresh]
        verdict = verify(self.lines)
        assert verdict.good, verdict
        if report.first + len(report.entries) == report.size:
            assert verdict.head.hash == report.head or len(self.lines) > report.size
        if self.receipts and fresh:
            await self.acknowledge(verdict.head)

    async def acknowledge(self, head: ChainHead) -> None:
        receipt = Receipt(
            device=DEVICE,
            size=head.size,
            head=head.hash,
            checkpoint=checkpoint(head.size),
            sent_ms=wall_ms(),
        )
        await self.send(receipt, MessageKind.RECEIPT, RECEIPT)

    async def wait_for_entry(
        self, action: str, *, session: str | None = None, after: int = 0, within_s: float = 60
    ):
        """Return the first entry that the console has of this action."""
        async with asyncio.timeout(within_s):
            while True:
                await self.read_reports()
                for entry in self.entries[after:]:
                    if entry["action"] == action and session in (None, entry["session"]):
                        return entry
                await asyncio.sleep(0.02)

    async def wait_until(self, what, *, within_s: float = 60):
        """Return what `what()` returns as soon as it is true."""
        async with asyncio.timeout(within_s):
            while True:
                await self.read_reports()
                if found := what():
                    return found
                await asyncio.sleep(0.02)

    def journal(self) -> list[dict]:
        """The device's own journal file."""
        text = (self.config.journal_dir / "journal.jsonl").read_bytes()
        return [json.loads(line) for line in text.splitlines()]

    def endings(self, session: str) -> list[dict]:
        return [
            entry
            for entry in self.journal()
            if entry["action"] == "session:life:ended" and entry["session"] == session
        ]

    # ---- the specialist ----

    def user_certificate(self, order: SessionOrder, ca: KeyName = KeyName.SSH_USER_CA) -> str:
        return issue_user_certificate(
            delegated_key(self.maker.store, ca),
            self.specialist_key.convert_to_public().export_public_key().decode().strip(),
            session=order.session,
            person=order.person.name,
            not_before_ms=wall_ms() - 60_000,
            not_after_ms=wall_ms() + 3_600_000,
        )

    def specialist(
        self, order: SessionOrder, relay: str = "a", *, code: str = "", credential: str = CREDENTIAL
    ) -> "Specialist":
        return Specialist(self, order, relay, code=code, credential=credential)


class Specialist:
    """A computer with OpenSSH, in a folder of its own."""

    def __init__(
        self, world: World, order: SessionOrder, relay: str, *, code: str, credential: str
    ):
        self.folder = world.folder / f"specialist-{secrets.token_hex(4)}"
        self.folder.mkdir()
        self.order = order
        self._clients = world.clients
        place = world.places[relay]
        (self.folder / "leg.json").write_text(
            json.dumps(
                {
                    "ca": world.maker.authority.pem,
                    "host": place.host,
                    "port": place.ports[-1],
                    "server_name": place.server_name,
                    "session": order.session,
                    "seed": order.proof_seed.hex(),
                }
            )
        )
        key = ec.generate_private_key(ec.SECP256R1())
        issued = world.maker.authority.issue_session(
            key.public_key(), order.session, now_ms=wall_ms(), until_ms=wall_ms() + 3_600_000
        )
        (self.folder / "leg.pem").write_text(issued.pem)
        (self.folder / "leg.key").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        self._write_ssh(world)
        self.answer(code=code, credential=credential)

    def _write_ssh(self, world: World) -> None:
        identity = self.folder / "id"
        identity.write_bytes(world.specialist_key.export_private_key())
        identity.chmod(0o600)
        line = world.user_certificate(self.order)
        (self.folder / "id-cert.pub").write_text(line + "\n")
        ca = ssh_key_line(world.maker.store.public_key(KeyName.SSH_HOST_CA))
        (self.folder / "known_hosts").write_text(f"@cert-authority * {ca}\n")
        leg = shlex.join(
            [sys.executable, str(Path(__file__).with_name("leg.py")), str(self.folder)]
        )
        (self.folder / "config").write_text(
            f"Host device\nHostName {DEVICE}\nHostKeyAlias {DEVICE}\nUser {self.order.access}\n"
            f"ProxyCommand {leg}\nIdentityFile {self.folder}/id\nIdentitiesOnly yes\n"
            f"UserKnownHostsFile {self.folder}/known_hosts\nGlobalKnownHostsFile none\n"
            "StrictHostKeyChecking yes\nLogLevel INFO\nNumberOfPasswordPrompts 3\n"
            "PreferredAuthentications publickey,keyboard-interactive\n"
        )

    def answer(self, *, code: str, credential: str = CREDENTIAL) -> None:
        """What this person types at the two prompts."""
        askpass = self.folder / "askpass"
        askpass.write_text(
            "#!/bin/sh\n"
            f'case "$1" in *redential*|*"ot de passe"*) echo {shlex.quote(credential)};; '
            f"*) echo {shlex.quote(code)};; esac\n"
        )
        askpass.chmod(0o700)

    async def start(self, program: str, *arguments: str) -> asyncio.subprocess.Process:
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "SSH_ASKPASS": str(self.folder / "askpass"),
            "SSH_ASKPASS_REQUIRE": "force",
            "DISPLAY": ":97",
            "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        }
        process = await asyncio.create_subprocess_exec(
            program, "-F", str(self.folder / "config"), *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env=environment, cwd=self.folder,
            start_new_session=True,
        )  # fmt: skip
        self._clients.append(process)
        return process

    async def run(self, program: str, *arguments: str, stdin: bytes = b"", within_s: float = 60):
        """Return exit status, output and errors of ssh, scp or sftp."""
        process = await self.start(program, *arguments)
        try:
            out, errors = await asyncio.wait_for(process.communicate(stdin), within_s)
        except TimeoutError:
            out, errors = await end_client(process)
            raise AssertionError(f"{program} did not end: {out!r} {errors!r}") from None
        return process.returncode or 0, out.decode(), errors.decode()


@contextlib.asynccontextmanager
async def world(
    folder: Path,
    *,
    relays: str = "ab",
    enrolled: bool = True,
    running: bool = True,
    tricks: Tricks | None = None,
    **limits: int,
) -> AsyncIterator[World]:
    """A world; with an enrolled, configured and running agent unless told otherwise.

    `limits` are the relays' own, by their names in their configuration.
    """
    play = World(folder)
    play.tricks = tricks
    play.limits = replace(play.limits, **limits)
    await play.live.start()
    for name in relays:
        await play.start_relay(name)
    try:
        if enrolled:
            status, out = await play.enrol()
            assert status == 0, out
            await play.set_credential()
            if running:
                play.start_agent()
                await play.configure()
                await play.wait_for_entry("configuration:document:applied")
        yield play
    finally:
        if play.agent is not None and play.agent.poll() is None:
            play.agent.kill()
            play.agent.wait(60)
        for operator in play.operators:
            operator.leave()
        for client in play.clients:
            await end_client(client)
        for name in list(play.relays):
            await play.stop_relay(name)
        await play.live.stop()
        play.agent_log.close()


async def end_client(client: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    """Leave nothing of an ssh that a test did not wait for: the next test would be told of it.

    Its ProxyCommand goes as well, which may outlive it and has its outputs open. Returns what both
    had said.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(client.pid, signal.SIGKILL)
    return await asyncio.wait_for(client.communicate(), 60)
