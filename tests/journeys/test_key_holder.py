"""Somebody holds every key of the console, and a relay, but not the operator (issue 2, point 4).

They sign orders and certificates as the console does. Without Accept on the panel nothing opens;
with it, nothing opens without the device's own credential and the code on its screen.
"""

import base64
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bedside.agent.identity import load_identity
from bedside.demo.check import HOST, Journey
from bedside.demo.people import DEVICE, MARIE
from bedside.demo.processes import wait_for
from bedside.language import Language
from bedside.pki.authority import Authority
from bedside.pki.delegated import delegated_key
from bedside.pki.device_keys import load_device_keys
from bedside.pki.keystore import FileKeyStore
from bedside.pki.sealing import message_info, seal
from bedside.pki.signing import ORDER, SITE_POLICY, sign_envelope
from bedside.pki.ssh_certificates import fingerprint, issue_user_certificate, ssh_key_line
from bedside.protocol.feed import MessageOffered, TunnelOffered
from bedside.protocol.orders import SessionOrder
from bedside.protocol.shapes import Person
from bedside.protocol.site import SitePolicy
from bedside.protocol.tunnel import proof_digests
from bedside.relay.clock import wall_ms
from bedside.specialist import keys, ssh_config
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.store import SessionFolder
from bedside.testing.openssh import OpenSsh
from bedside.vocabulary import AccessKind, DeviceId, Level, MessageKind, Mode, SessionId
from tests.journeys.attacker import Attacker
from tests.journeys.play import device_ending
from tests.journeys.records import device_records, gates

SEED = bytes(range(32))
MINUTE_MS = 60_000


class KeyHolder:
    """Whoever has the console's keys and database, and a relay to carry what they sign."""

    def __init__(self, journey: Journey, attacker: Attacker, folder: Path) -> None:
        self._world = journey.world
        self._attacker = attacker
        self._store = FileKeyStore(journey.world.folder / "console" / "keys")
        self._config = SpecialistConfig(
            folder / "config", folder / "state", folder / "ssh", Language.ENGLISH
        )
        self._folder = folder

    def order(
        self,
        session: SessionId,
        *,
        answer_s: int = 60,
        finish: Callable[[SessionOrder], SessionOrder] = lambda order: order,
    ) -> OpenSsh:
        """Send the device an order of our own, and return an `ssh` with every right paper.

        `finish` makes of the order what it likes before it is signed.
        """
        now = wall_ms()
        private, public = keys.new_key()
        order = SessionOrder(
            session=session,
            device=DeviceId(DEVICE),
            product="contrast-injector",
            person=Person(
                id="01JD0000000000000000000666",
                name="Mallory",
                employer="Bayard Imaging",
                level=Level.THREE,
                country="US",
            ),
            access=AccessKind.SYSTEM,
            mode=Mode.CONTROL,
            reason="routine",
            case="C-1",
            ticket=None,
            issued_ms=now,
            answer_by_ms=now + answer_s * 1000,
            duration_s=600,
            idle_s=300,
            specialist_key=fingerprint(public),
            proof_seed=SEED,
            max_bytes=2**30,
            checkpoint="none",
        )
        order = finish(order)
        envelope = sign_envelope(order.to_bytes(), ORDER, self._store.signer("order"))
        self._attacker.pretend(
            TunnelOffered(
                session=session,
                device=order.device,
                device_proofs=proof_digests(SEED, "device"),
                specialist_proofs=proof_digests(SEED, "specialist"),
                not_after_ms=now + 10 * MINUTE_MS,
                idle_s=300,
                max_bytes=2**30,
            ),
            self._message(session, MessageKind.ORDER, envelope),
        )
        return self._papers(session, private, public)

    def policy(self, message: SessionId, envelope: bytes) -> None:
        """Send the device what is said to be its site's policy."""
        self._attacker.pretend(self._message(message, MessageKind.SITE_POLICY, envelope))

    def sign_policy(self, policy: SitePolicy) -> bytes:
        """Return a policy of our own, signed with the best key that we have."""
        return sign_envelope(policy.to_bytes(), SITE_POLICY, self._store.signer("order"))

    def _message(self, message: SessionId, kind: MessageKind, envelope: bytes) -> MessageOffered:
        identity = load_identity(self._world.device.agent_state / "identity")
        sealing = load_device_keys(identity.current.folder).sealing.public_key()
        device = DeviceId(DEVICE)
        return MessageOffered(
            device=device,
            id=message,
            message_kind=kind,
            sealed=seal(sealing, envelope, info=message_info(device)),
            expires_ms=wall_ms() + MINUTE_MS,
        )

    def _papers(self, session: SessionId, private: bytes, public: str) -> OpenSsh:
        now = wall_ms()
        bundle = json.loads((self._world.device.agent_state / "identity/trust.json").read_bytes())
        folder = SessionFolder(self._config.sessions, session)
        keys.save_key(folder, private)
        authority = Authority(self._store, bundle["ca"])
        key = load_pem_private_key(private, None)
        assert isinstance(key, EllipticCurvePrivateKey)
        until = now + 10 * MINUTE_MS
        leg = authority.issue_session(key.public_key(), session, now_ms=now, until_ms=until)
        certificate = issue_user_certificate(
            delegated_key(self._store, "ssh-user-ca"),
            public,
            session=session,
            person="Mallory",
            not_before_ms=now - MINUTE_MS,
            not_after_ms=until,
        )
        told = {"device": DEVICE, "access": "system", "mode": "control", "language": "en"}
        folder.write("session.json", json.dumps(told).encode())
        folder.write("ca.pem", bundle["ca"].encode())
        folder.write("client.pem", leg.pem.encode())
        folder.write("key-cert.pub", certificate.encode() + b"\n")
        host_key = load_device_keys(self._world.device.agent_state / "identity/current").ssh_host
        line = f"{DEVICE} {ssh_key_line(host_key.public_key())}\n"
        folder.write("known_hosts", line.encode())
        relay = next(relay for relay in bundle["relays"] if relay["name"] == "a")
        seed = base64.b64encode(SEED).decode()
        connection = {"relay": relay, "proof_seed": seed, "expires_ms": until}
        folder.write("connection.json", json.dumps(connection).encode())
        environment = self._world.specialist_environment(MARIE)
        return OpenSsh(ssh_config.write(self._config), environment, self._folder / "answers")


@pytest.fixture
def holder(journey: Journey, attacker: Attacker, tmp_path: Path) -> KeyHolder:
    world = journey.world
    # Guesses of the test before lock the credential: somebody at the device sets it anew.
    world.agent("set-support-credential", answer=world.support_credential + "\n")
    return KeyHolder(journey, attacker, tmp_path)


def _session(letter: str) -> SessionId:
    return SessionId("01JD" + letter * 22)


@contextmanager
def _in_vain(ssh: OpenSsh, attacker: Attacker) -> Iterator[None]:
    """Have `ssh` at the relay's door while the block lasts; it must not have got a word."""
    legs = attacker.legs
    with ssh.start("ssh", "-S", "none", HOST, "id") as trying:
        wait_for("the leg at the relay", lambda: attacker.legs > legs)
        yield
        # With the ProxyCommand that still waits for a partner.
        os.killpg(trying.pid, signal.SIGKILL)
        assert trying.communicate()[0] == b""


def _nobody_was_in(journey: Journey, session: str) -> None:
    inside = {"session:life:live", "session:channel:opened", "session:authentication:succeeded"}
    met = {r.action for r in device_records(journey.world) if r.session == session}
    assert not met & inside, met


def test_without_accept_no_leg_opens_and_the_question_lapses(
    journey: Journey, holder: KeyHolder, attacker: Attacker
) -> None:
    session = _session("A")
    ssh = holder.order(session, answer_s=8)
    asked = journey.operator.asked()
    assert asked.person.name == "Mallory"
    ssh.answers(credential=journey.world.support_credential, code="123456")

    with _in_vain(ssh, attacker):
        assert device_ending(journey.world, session) == "unanswered"

    met = {r.action for r in device_records(journey.world) if r.session == session}
    assert "session:tunnel:opened" not in met
    _nobody_was_in(journey, session)


def test_refuse_on_the_panel_is_the_end_of_it(
    journey: Journey, holder: KeyHolder, attacker: Attacker
) -> None:
    session = _session("B")
    ssh = holder.order(session)
    with _in_vain(ssh, attacker):
        journey.operator.refuse()
        assert device_ending(journey.world, session) == "refused"

    _nobody_was_in(journey, session)


@pytest.mark.parametrize("knows", ["credential", "code", "nothing"])
def test_with_accept_the_device_still_asks_for_its_credential_and_its_code(
    journey: Journey, holder: KeyHolder, knows: str
) -> None:
    session = _session({"credential": "C", "code": "D", "nothing": "E"}[knows])
    ssh = holder.order(session)
    shown = journey.operator.accept()
    wrong = f"{(int(shown) + 1) % 1_000_000:06d}"
    ssh.answers(
        credential=journey.world.support_credential if knows == "credential" else "guess",
        code=shown if knows == "code" else wrong,
    )

    done = ssh.run("ssh", "-S", "none", HOST, "id")

    assert done.returncode == 255
    assert done.stdout == b""
    assert device_ending(journey.world, session) == "refused"
    assert ssh.prompts
    _nobody_was_in(journey, session)
    named = gates(device_records(journey.world), session)
    assert named & {"support_credential", "presence_code"}, named


def test_with_all_three_the_same_papers_open_it(journey: Journey, holder: KeyHolder) -> None:
    session = _session("F")
    ssh = holder.order(session)
    ssh.answers(credential=journey.world.support_credential, code=journey.operator.accept())

    done = ssh.run("ssh", "-S", "none", HOST, "echo inside")

    assert done.stdout == b"inside\n", done
    journey.operator.stop()
    journey.idle()
    journey.operator.verify()
    assert device_ending(journey.world, session) == "by_operator"
