"""What each journal says of the other: the entries that make either side able to prove a deletion.

The console's log records each batch that a device sent, with the device's own signature over it;
the device's journal records each checkpoint that the console signed. Both are ordinary entries, so
that whoever changes one journal must also change the other, on the other side (N4).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bedside.audit.chain import ChainHead
from bedside.audit.checkpoint import CheckpointError, parse_checkpoint
from bedside.audit.entry import Actor, Deed, Entry, EntryError, Thing
from bedside.vocabulary import DeviceId, JournalAction, parse_device_id

__all__ = [
    "Received",
    "Restore",
    "Witnessed",
    "parse_received",
    "parse_restore",
    "parse_witnessed",
    "received_deed",
    "report_payload",
    "witnessed_deed",
]


@dataclass(frozen=True, slots=True)
class Received:
    """A batch that the console took in: `count` entries from `first` on of a device's journal.

    `head` is the head of the device's whole journal when it sent the batch. `signature` (base64) is the device's DSSE signature over `report_payload`, made with the
    identity key whose id is `key_id`; `sequence` is the place in the console's log.
    """

    device: DeviceId
    first: int
    count: int
    head: ChainHead
    sent_ms: int
    signature: str
    key_id: str
    sequence: int = -1


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint of the console's log that a device took in, as the signed note it came in.

    `acknowledged` is the head of the device's journal up to which the console said it holds it;
    `sequence` is the place in the device's journal.
    """

    note: str
    acknowledged: ChainHead
    sequence: int = -1

    @property
    def size(self) -> int:
        """The size of the console's log that the checkpoint vouches for."""
        return parse_checkpoint(self.note).size

    @property
    def root(self) -> bytes:
        """The root of the console's log at that size."""
        return parse_checkpoint(self.note).root


@dataclass(frozen=True, slots=True)
class Restore:
    """The console was brought back from a backup that held `size` sealed entries.

    `sequence` is the place of the entry that says so in the console's log.
    """

    size: int
    sequence: int


def received_deed(received: Received, *, actor: Actor) -> Deed:
    """Return what the console enters for a batch; `actor` is the device, by its name as text."""
    return Deed(
        actor=actor,
        action=JournalAction.JOURNAL_DEVICE_RECEIVED,
        object=Thing("device", received.device),
        detail={
            "count": received.count,
            "device": received.device,
            "first": received.first,
            "head": received.head.hash,
            "key_id": received.key_id,
            "sent_ms": received.sent_ms,
            "signature": received.signature,
            "size": received.head.size,
        },
    )


def witnessed_deed(witnessed: Witnessed, *, actor: Actor) -> Deed:
    """Return what a device enters for a receipt, or raise CheckpointError for a malformed note."""
    checkpoint = parse_checkpoint(witnessed.note)
    return Deed(
        actor=actor,
        action=JournalAction.JOURNAL_WITNESS_RECORDED,
        object=Thing("journal", checkpoint.origin[:200]),
        detail={
            "acknowledged_head": witnessed.acknowledged.hash,
            "acknowledged_size": witnessed.acknowledged.size,
            "checkpoint": witnessed.note,
            "root": checkpoint.root.hex(),
            "size": checkpoint.size,
        },
    )


def parse_received(entry: Entry) -> Received:
    """Return the batch that a console's entry records, or raise EntryError."""
    detail = _detail(entry, JournalAction.JOURNAL_DEVICE_RECEIVED)
    name = detail.text("device")
    try:
        device = parse_device_id(name)
    except ValueError as error:
        raise EntryError("detail.device is malformed") from error
    return Received(
        device=device,
        first=detail.integer("first"),
        count=detail.integer("count"),
        head=ChainHead(detail.integer("size"), detail.text("head")),
        sent_ms=detail.integer("sent_ms"),
        signature=detail.text("signature"),
        key_id=detail.text("key_id"),
        sequence=entry.seq,
    )


def parse_witnessed(entry: Entry) -> Witnessed:
    """Return the checkpoint that a device's entry records, or raise EntryError."""
    detail = _detail(entry, JournalAction.JOURNAL_WITNESS_RECORDED)
    note = detail.text("checkpoint")
    try:
        checkpoint = parse_checkpoint(note)
    except CheckpointError as error:
        raise EntryError(f"detail.checkpoint is malformed: {error}") from error
    stated = (detail.integer("size"), detail.text("root"))
    if stated != (checkpoint.size, checkpoint.root.hex()):
        raise EntryError("size and root are not those of the checkpoint")
    acknowledged = ChainHead(detail.integer("acknowledged_size"), detail.text("acknowledged_head"))
    return Witnessed(note, acknowledged, entry.seq)


def parse_restore(entry: Entry) -> Restore:
    """Return the restore that a console's entry records, or raise EntryError."""
    detail = _detail(entry, JournalAction.JOURNAL_BACKUP_RESTORED)
    return Restore(detail.integer("size"), entry.seq)


def report_payload(received: Received, lines: Sequence[bytes]) -> bytes:
    """Return the bytes that the device signed: the DeviceReport with these entries, canonical."""
    report = {
        "device": received.device,
        "entries": [line.decode() for line in lines],
        "first": received.first,
        "head": received.head.hash,
        "sent_ms": received.sent_ms,
        "size": received.head.size,
        "v": 1,
    }
    text = json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


@dataclass(frozen=True, slots=True)
class _Detail:
    values: dict[str, Any]

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if not isinstance(value, str):
            raise EntryError(f"detail.{name} is missing")
        return value

    def integer(self, name: str) -> int:
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise EntryError(f"detail.{name} is missing")
        return value


def _detail(entry: Entry, action: JournalAction) -> _Detail:
    if entry.action is not action:
        raise EntryError(f"not an entry of {action}")
    return _Detail(dict(entry.detail))
