"""A console and a device that keep their journals and witness each other, for as long as asked."""

from base64 import b64encode
from dataclasses import dataclass, field, replace
from io import BytesIO

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bedside.audit.chain import GENESIS, ChainHead, extend, verify
from bedside.audit.checkpoint import Checkpoint, VerifierKey, sign_checkpoint
from bedside.audit.entry import SYSTEM, Act, Actor, ActorKind, Deed, Thing, parse_entry, time_text
from bedside.audit.export import DeviceCopy, write_console_export, write_device_export
from bedside.audit.merkle import Frontier, leaf_hash, node_hash
from bedside.audit.tiles import Tile, tiles_between
from bedside.audit.witness import (
    Received,
    Witnessed,
    received_deed,
    report_payload,
    witnessed_deed,
)
from bedside.pki.signing import REPORT, KeySigner, pre_authentication, public_key_pem
from bedside.vocabulary import ClockState, DeviceId, JournalAction, SessionId

NOON = 1_795_435_200_000
DEVICE = DeviceId("CI-20417")
SESSION = SessionId("01K9QZ8M7Y3N5T0V2X4B6D8F1H")
ORIGIN = "bayard.example/journal"
DEVICE_ACTOR = Actor(ActorKind.DEVICE, DEVICE, "Injector, room 3")


@dataclass
class World:
    """Both sides in memory; every list may be tampered with before it is exported."""

    device_lines: list[bytes] = field(default_factory=list)
    device_head: ChainHead = GENESIS
    console_lines: list[bytes] = field(default_factory=list)
    copy: list[bytes] = field(default_factory=list)
    reported: int = 0

    def __post_init__(self):
        self.log_private = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
        self.log_key = VerifierKey(ORIGIN, self.log_private.public_key().public_bytes_raw())
        self.identity_private = derive_private_key(20417, SECP256R1())
        self.identity = KeySigner(self.identity_private)

    def on_device(self, deed):
        line, self.device_head = extend(self.device_head, self._stamped(deed))
        self.device_lines.append(line)

    def on_console(self, deed):
        entry = self._stamped(deed).at(len(self.console_lines), None)
        self.console_lines.append(entry.to_line())

    def session_event(self, action=JournalAction.SESSION_CHANNEL_OPENED, **detail):
        self.on_device(
            Deed(
                actor=Actor(ActorKind.PERSON, "p-7", "Marie Tremblay"),
                action=action,
                object=Thing("session", SESSION),
                session=SESSION,
                case="C-1001",
                detail=detail,
            )
        )

    def console_event(self, number=0):
        deed = Deed(
            actor=SYSTEM,
            action=JournalAction.DEVICE_PRESENCE_CHANGED,
            object=Thing("device", DEVICE),
            detail={"attempt": number},
        )
        self.on_console(deed)

    def report(self):
        """The device sends what is new; the console takes it in, and answers with a receipt."""
        first, lines = self.reported, self.device_lines[self.reported :]
        unsigned = Received(
            DEVICE,
            first,
            len(lines),
            self.device_head,
            sent_ms=NOON,
            signature="",
            key_id=self.identity.key_id,
        )
        self.reported = len(self.device_lines)
        self.copy += lines
        signed = sign_batch(unsigned, lines, self.identity)
        self.on_console(received_deed(signed, actor=DEVICE_ACTOR))
        acknowledged = self.device_head
        self.on_device(witnessed_deed(Witnessed(self.note(), acknowledged), actor=SYSTEM))

    def root(self):
        frontier = Frontier()
        for line in self.console_lines:
            frontier.append(leaf_hash(line))
        return frontier.root()

    def note(self, *, key=None, private=None):
        checkpoint = Checkpoint(ORIGIN, len(self.console_lines), self.root())
        sign = (private or self.log_private).sign
        return sign_checkpoint(checkpoint, key or self.log_key, sign)

    def rechain_device(self):
        """Make the device's lines a chain that is good by itself, as a forger would."""
        lines, self.device_lines, self.device_head = self.device_lines, [], GENESIS
        self.device_lines, self.device_head = rechained(lines)

    def renumber_console(self):
        """Number the console's entries anew; `export_console` then seals what is there."""
        self.console_lines = [
            _renumbered(line, number) for number, line in enumerate(self.console_lines)
        ]

    def export_console(self, *, note=None, tiles=True):
        out = BytesIO()
        keys = {self.identity.key_id: public_key_pem(self.identity_private.public_key())}
        write_console_export(
            out,
            checkpoint=note or self.note(),
            key=self.log_key,
            lines=self.console_lines,
            tiles=tiles_of(self.console_lines) if tiles else (),
            devices={DEVICE: DeviceCopy(self.copy, keys)},
            exported=time_text(NOON),
        )
        return out.getvalue()

    def export_device(self):
        out = BytesIO()
        write_device_export(out, device=DEVICE, lines=self.device_lines, exported=time_text(NOON))
        return out.getvalue()

    def _stamped(self, deed):
        at = NOON + 1000 * (len(self.device_lines) + len(self.console_lines))
        return deed.stamped(time_text(at), ClockState.SYNCHRONISED)


def sign_batch(received, lines, signer):
    payload = report_payload(received, lines)
    signature = signer.sign(pre_authentication(payload, REPORT))
    return replace(received, signature=b64encode(signature).decode())


def rechained(lines):
    """The same acts as a chain of their own, whatever their places were."""
    head, chain = GENESIS, []
    for line in lines:
        entry = parse_entry(line)
        act = Act(**{name: getattr(entry, name) for name in Act.__dataclass_fields__})
        placed, head = extend(head, act)
        chain.append(placed)
    assert verify(chain).good
    return chain, head


def _renumbered(line, number):
    return replace(parse_entry(line), seq=number).to_line()


def tiles_of(lines):
    """The hash tiles of a log, as the sequencer writes them."""
    rows = [[leaf_hash(line) for line in lines]]
    while len(rows[-1]) >= 256:
        row = rows[-1]
        rows.append([_fold(row[at : at + 256]) for at in range(0, len(row) // 256 * 256, 256)])
    return [
        (tile, b"".join(rows[tile.level][tile.index * 256 :][: tile.width]))
        for tile in tiles_between(0, len(lines))
        if isinstance(tile, Tile) and tile.level is not None
    ]


def _fold(row):
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def lived(*, rounds=4):
    """A world after a session: five entries on the device for each round, then a report."""
    world = World()
    for number in range(rounds):
        world.console_event(number)
        for step in range(4):
            world.session_event(attempt=step, index=number)
        world.report()
    world.session_event(JournalAction.SESSION_LIFE_ENDED)
    world.console_event(99)
    return world
