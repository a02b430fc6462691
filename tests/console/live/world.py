"""A device and a relay, as the console hears them: real keys, real seals, real assertions."""

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

from bedside.audit.chain import GENESIS, ChainHead, extend
from bedside.audit.entry import Act, Actor, ActorKind, Thing, time_text
from bedside.console.journal.actions import now_ms
from bedside.console.keys import key_store
from bedside.console.live.clockwork import Clockwork
from bedside.console.relays.models import Relay
from bedside.console.relays.queries import feed_since
from bedside.console.service_sessions.models import ServiceSession
from bedside.pki.device_keys import DeviceKeys, load_device_keys
from bedside.pki.keystore import KeyName
from bedside.pki.sealing import message_info, report_info, seal, unseal
from bedside.pki.signing import REPORT, key_id, open_envelope, sign_envelope
from bedside.protocol.batch import Batch, RelayEvent
from bedside.protocol.feed import MessageOffered
from bedside.protocol.orders import DeviceReport
from bedside.vocabulary import (
    ClockState,
    DeviceId,
    Gate,
    JournalAction,
    Outcome,
    RelayName,
)
from tests.console.world import DEVICE, Api, asking


@dataclass
class LiveDevice:
    """An enrolled device with its journal; `report` is what reaches the console."""

    keys: DeviceKeys
    name: DeviceId = field(default=DeviceId(DEVICE))
    lines: list[bytes] = field(default_factory=list)
    head: ChainHead = GENESIS

    @classmethod
    def load(cls, folder: Path) -> "LiveDevice":
        return cls(load_device_keys(folder / DEVICE))

    def write(
        self,
        action: JournalAction,
        *,
        session: str | None = None,
        gate: Gate | None = None,
        outcome: Outcome = Outcome.SUCCESS,
        actor: Actor | None = None,
        **detail: str | int,
    ) -> None:
        act = Act(
            time=time_text(now_ms()),
            clock=ClockState.UNKNOWN,
            actor=actor or Actor(ActorKind.DEVICE, self.name, "agent"),
            action=action,
            object=Thing("session", session) if session else Thing("device", self.name),
            outcome=outcome,
            gate=gate,
            session=session,
            detail=detail,
        )
        line, self.head = extend(self.head, act)
        self.lines.append(line)

    def document(self, first: int = 0, device: str | None = None) -> DeviceReport:
        return DeviceReport(
            device=DeviceId(device or self.name),
            first=first,
            entries=tuple(line.decode() for line in self.lines[first:]),
            size=self.head.size,
            head=self.head.hash,
            sent_ms=now_ms(),
        )

    def report(self, first: int = 0, *, info: bytes | None = None, signer=None) -> bytes:
        payload = self.document(first).to_bytes()
        envelope = sign_envelope(payload, REPORT, signer or self.keys.signer)
        return self.sealed(envelope, info=info)

    def sealed(self, envelope: bytes, *, info: bytes | None = None) -> bytes:
        key = key_store().public_key(KeyName.REPORT)
        return seal(key, envelope, info=info or report_info(self.name))

    def waiting(self, relay: str = "a") -> list[MessageOffered]:
        events = feed_since(relay, "", now=now_ms()).events
        return [event for event in events if isinstance(event, MessageOffered)]

    def open(self, message: MessageOffered, payload_type: str) -> bytes:
        envelope = unseal(self.keys.sealing, message.sealed, info=message_info(self.name))
        key = key_store().public_key(KeyName.ORDER)
        return open_envelope(envelope, payload_type, {key_id(key): key}, limit=65536)


@dataclass
class LiveRelay:
    """A relay with a real key: it proves itself, and its batches count up."""

    name: str
    key: ECKey
    sequence: int = 0

    @classmethod
    def make(cls, name: str = "a") -> "LiveRelay":
        key = ECKey.generate_key("P-256")
        Relay.objects.filter(pk=name).update(assertion_key=key.as_pem(private=False).decode())
        return cls(name, key)

    def assertion(self, now: int | None = None, **changed) -> str:
        now_s = (now_ms() if now is None else now) // 1000
        claims = {
            "iss": self.name,
            "aud": "bedside-live",
            "iat": now_s,
            "exp": now_s + 60,
            "jti": secrets.token_hex(16),
            **changed,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return "Bearer " + jwt.encode({"alg": "ES256"}, claims, self.key, algorithms=["ES256"])

    def batch(self, *events: RelayEvent) -> Batch:
        first = self.sequence + 1
        self.sequence += max(1, len(events))
        return Batch(
            relay=RelayName(self.name),
            boot="0" * 32,
            first=first,
            sequence=self.sequence,
            events=events,
        )


def turn(clockwork: Clockwork, now: int) -> None:
    """Let a worker do what is due at `now`, by the calendar and by its own clock."""
    clockwork.turn(now, clock_ms=now)


def ask_for_session() -> ServiceSession:
    """Let Marie ask for the injector; return the session that waits for it."""
    answer = Api("Marie").post("/sessions", asking())
    assert answer.status_code == 201, answer.content
    return ServiceSession.objects.get(pk=json.loads(answer.content)["id"])
