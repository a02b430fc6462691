"""How long it takes to verify a million entries on one core: a device's chain, a console's log.

Prints medians of three interleaved runs, in seconds of processor time, beside what it costs to
read the same lines with `json.loads` and hash them. The log is verified as a folder on disk.
"""

import gc
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bedside.audit.archive import open_archive
from bedside.audit.chain import GENESIS, verify
from bedside.audit.checkpoint import Checkpoint, VerifierKey, sign_checkpoint
from bedside.audit.entry import Act, Actor, ActorKind, Thing, time_text
from bedside.audit.merkle import Frontier, leaf_hash
from bedside.audit.verify import verify_log
from bedside.vocabulary import ClockState, Gate, JournalAction, Outcome, SessionId

ENTRIES = 1_000_000
RUNS = 3
SESSION = SessionId("01K9QZ8M7Y3N5T0V2X4B6D8F1H")


def template(prev: str | None) -> bytes:
    """An entry's line with holes for the attempt, the hash before it, and its place."""
    act = Act(
        time=time_text(1_795_435_200_000),
        clock=ClockState.SYNCHRONISED,
        actor=Actor(ActorKind.PERSON, "p-7", "Marie Tremblay"),
        action=JournalAction.SESSION_CHANNEL_REFUSED,
        object=Thing("session", SESSION),
        outcome=Outcome.REFUSED,
        gate=Gate.FORWARD,
        session=SESSION,
        case="C-1001",
        detail={"attempt": 111, "endpoint": "10.0.0.5:22", "presence": True},
    )
    line = act.at(222, prev).to_line().replace(b"%", b"%%")
    line = line.replace(b'"attempt":111', b'"attempt":%(n)d').replace(b'"seq":222', b'"seq":%(n)d')
    return line.replace(b"f" * 64, b"%(prev)b") if prev else line


def write_chain(path: Path) -> None:
    whole, prev = template("f" * 64), GENESIS.hash.encode()
    with path.open("wb") as file:
        for number in range(ENTRIES):
            line = whole % {b"n": number, b"prev": prev}
            prev = sha256(line).hexdigest().encode()
            file.write(line + b"\n")


def write_log(folder: Path) -> VerifierKey:
    private = Ed25519PrivateKey.generate()
    key = VerifierKey("bench.example/journal", private.public_key().public_bytes_raw())
    whole, frontier = template(None), Frontier()
    with (folder / "entries.jsonl").open("wb") as file:
        for number in range(ENTRIES):
            line = whole % {b"n": number}
            file.write(line + b"\n")
            frontier.append(leaf_hash(line))
    checkpoint = Checkpoint(key.name, ENTRIES, frontier.root())
    (folder / "checkpoint").write_text(sign_checkpoint(checkpoint, key, private.sign))
    return key


def seconds(run: Callable[[], bool]) -> float:
    gc.collect()
    start = time.process_time()
    assert run()
    return time.process_time() - start


def measures(folder: Path) -> Iterator[tuple[str, float]]:
    chain, log = folder / "journal.jsonl", folder / "log"
    log.mkdir()
    write_chain(chain)
    key = write_log(log)

    def verify_chain() -> bool:
        with chain.open("rb") as lines:
            return verify(lines).good

    def verify_sealed() -> bool:
        with open_archive(log) as archive:
            return verify_log(archive, [key]).good

    def read_plainly() -> bool:
        with chain.open("rb") as lines:
            return all(sha256(line).digest() and json.loads(line) for line in lines)

    runs = [
        (seconds(verify_chain), seconds(verify_sealed), seconds(read_plainly)) for _ in range(RUNS)
    ]
    names = ("journal.verify_1m", "journal.verify_sealed_1m", "journal.json_and_hash_1m")
    for name, values in zip(names, zip(*runs, strict=True), strict=True):
        yield name, statistics.median(values)
    yield "journal.bytes_per_entry", chain.stat().st_size / ENTRIES


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="bedside-bench-"))
    units = {"journal.bytes_per_entry": "B"}
    try:
        for name, value in measures(folder):
            print(f"{name} {value:.2f} {units.get(name, 's')}", flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
