"""A whole export of the console: its log, and its copy of each device's journal.

1. A copy (`devices/ID.jsonl`) is judged by the verifier of the device's own journal, from entry 0.
2. It must reach as far as the log says that entries were received, so a copy that was left out is
   one that ends at 0. It may reach further: the log's checkpoint is older than the export.
3. It must pass through the heads that the log says the device signed. The last one vouches for all
   before it; the others are read again only for a copy that fails, to say where.
4. A log that is not good vouches for nothing: its copies are then judged by 1 alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from bedside.audit.archive import Archive
from bedside.audit.chain import GENESIS, ChainHead, Fault, FaultKind, Verdict, verify
from bedside.audit.checkpoint import VerifierKey
from bedside.audit.reconcile import batches_received
from bedside.audit.verify import LogVerdict, log_lines, verify_log
from bedside.vocabulary import DeviceId, parse_device_id

__all__ = ["CopyVerdict", "ExportVerdict", "copy_name", "keys_name", "verify_export"]


@dataclass(frozen=True, slots=True)
class CopyVerdict:
    """What verification of the console's copy of one device's journal found."""

    device: DeviceId
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ExportVerdict:
    """What verification of a console's export found: its log, and its copies in order of name."""

    log: LogVerdict
    copies: tuple[CopyVerdict, ...] = ()

    @property
    def bad_copies(self) -> tuple[CopyVerdict, ...]:
        """The copies that are not what the devices wrote."""
        return tuple(each for each in self.copies if not each.verdict.good)

    @property
    def good(self) -> bool:
        """Whether every entry of the log and of each copy stands as it was written."""
        return self.log.good and not self.bad_copies


def copy_name(device: DeviceId) -> str:
    """Return the name of a device's copy in a console's export."""
    return f"devices/{device}.jsonl"


def keys_name(device: DeviceId) -> str:
    """Return the name of the file with the device's identity keys in a console's export."""
    return f"devices/{device}.keys.json"


def verify_export(archive: Archive, keys: Sequence[VerifierKey] = ()) -> ExportVerdict:
    """Verify a console's log and every copy of a device's journal beside it.

    Args:
        archive: the export. A bare log (without `manifest.json`) carries no copies.
        keys: the log's keys that the reader knows; none to take the export's own.

    Raises:
        ArchiveError: a file is missing or cannot be read.
        CheckpointError: the checkpoint is malformed, or none of the keys signed it.
        EntryError: the log is good, but an entry of it about a batch is malformed.
    """
    log = verify_log(archive, keys)
    if "manifest.json" not in archive.names:
        return ExportVerdict(log)
    stated = _statements(log_lines(archive)) if log.good else {}
    verdicts = {
        device: _judge(archive, device, stated.get(device, _NOTHING))
        for device in sorted({*stated, *_copied(archive.names)})
    }
    _narrow(archive, verdicts, stated)
    return ExportVerdict(log, tuple(CopyVerdict(name, each) for name, each in verdicts.items()))


@dataclass(frozen=True, slots=True)
class _Stated:
    """What the log says of a device: entries received, and the last head that lies among them.

    `ahead` is a head beyond them: the device had more than it had sent.
    """

    reach: int = 0
    head: ChainHead = GENESIS
    ahead: ChainHead = GENESIS

    def then(self, reach: int, head: ChainHead) -> "_Stated":
        reach = max(self.reach, reach)
        inside = [each for each in (self.head, self.ahead, head) if each.size <= reach]
        last = max(reversed(inside), key=lambda each: each.size)
        ahead = head if head.size > reach else self.ahead
        return _Stated(reach, last, ahead)


_NOTHING = _Stated()


def _statements(log: Iterable[bytes]) -> dict[DeviceId, _Stated]:
    stated: dict[DeviceId, _Stated] = {}
    for batch in batches_received(log):
        known = stated.get(batch.device, _NOTHING)
        stated[batch.device] = known.then(batch.first + batch.count, batch.head)
    return stated


def _copied(names: Iterable[str]) -> Iterator[DeviceId]:
    for name in names:
        if name.startswith("devices/") and name.endswith(".jsonl"):
            try:
                yield parse_device_id(name[8:-6])
            except ValueError:
                # No device of ours: nothing reads it, as any other file we do not know.
                continue


def _judge(archive: Archive, device: DeviceId, stated: _Stated) -> Verdict:
    verdict = verify(_lines(archive, device), expect=stated.head)  # 3
    if verdict.good and verdict.head.size < stated.reach:  # 2
        words = f"the log says that {stated.reach} entries were received"
        fault = Fault(verdict.head.size, FaultKind.SHORTENED, words)
        return Verdict(verdict.head, fault, verdict.backward_steps)
    return verdict


def _lines(archive: Archive, device: DeviceId) -> Iterator[bytes]:
    name = copy_name(device)
    return archive.lines(name) if name in archive.names else iter(())


def _narrow(
    archive: Archive, verdicts: dict[DeviceId, Verdict], stated: Mapping[DeviceId, _Stated]
) -> None:
    """Say of each copy that is a chain but another one, at which head it became another."""
    heads: dict[DeviceId, list[ChainHead]] = {
        device: []
        for device, verdict in verdicts.items()
        if verdict.fault and verdict.fault.sequence == stated.get(device, _NOTHING).head.size - 1
    }
    if not heads:
        return
    for batch in batches_received(log_lines(archive)):
        if batch.device in heads and 0 < batch.head.size <= stated[batch.device].reach:
            heads[batch.device].append(batch.head)
    for device, known in heads.items():
        verdicts[device] = _walk(_lines(archive, device), known) or verdicts[device]


def _walk(lines: Iterator[bytes], heads: list[ChainHead]) -> Verdict | None:
    reached, backward_steps = GENESIS, 0
    for head in sorted(heads, key=lambda each: each.size):
        part = islice(lines, head.size - reached.size)
        verdict = verify(part, start=reached, expect=head)
        reached, backward_steps = verdict.head, backward_steps + verdict.backward_steps
        if verdict.fault:
            return Verdict(reached, verdict.fault, backward_steps)
    return None
