"""Exports hold what the reference page says, and nothing else."""

import json
from io import BytesIO

from bedside.audit.chain import GENESIS
from bedside.audit.entry import time_text
from bedside.audit.export import DeviceCopy, write_console_export, write_device_export
from bedside.vocabulary import DeviceId
from tests.audit.test_verify import files_of
from tests.audit.world import DEVICE, NOON, World, lived


class Pipe:
    """Takes bytes and can neither seek nor tell, as a response to a browser."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += bytes(data)
        return len(data)

    def flush(self):
        pass


def test_the_consoles_export():
    world = lived(rounds=1)
    files = files_of(world.export_console())
    manifest = json.loads(files["manifest.json"])
    assert set(files) == {
        "manifest.json",
        "checkpoint",
        "entries.jsonl",
        "devices/CI-20417.jsonl",
        "devices/CI-20417.keys.json",
        "tile/0/000.p/3",
    }
    assert (manifest["v"], manifest["kind"], manifest["size"]) == (1, "console-log", 3)
    assert manifest["key"] == world.log_key.to_text()
    assert list(json.loads(files["devices/CI-20417.keys.json"])) == [world.identity.key_id]
    assert files["entries.jsonl"].splitlines() == world.console_lines
    assert files["devices/CI-20417.jsonl"].splitlines() == world.copy


def test_the_devices_export():
    world = lived(rounds=1)
    files = files_of(world.export_device())
    assert json.loads(files["manifest.json"]) == {
        "device": "CI-20417",
        "exported": "2026-11-23T12:00:00.000Z",
        "head": world.device_head.hash,
        "kind": "device-journal",
        "size": world.device_head.size,
        "v": 1,
    }
    assert files["journal.jsonl"].splitlines() == world.device_lines


def test_an_export_streams_to_where_nothing_can_be_taken_back():
    world, pipe = lived(rounds=1), Pipe()
    head = write_device_export(
        pipe, device=DEVICE, lines=iter(world.device_lines), exported="2026-11-23T12:00:00.000Z"
    )
    assert head == world.device_head
    assert files_of(pipe.data)["journal.jsonl"].splitlines() == world.device_lines


def test_a_journal_without_entries_exports_the_beginning():
    assert json.loads(files_of(World().export_device())["manifest.json"])["head"] == GENESIS.hash


def test_a_manifest_does_not_grow_with_the_fleet():
    def manifest(devices):
        out = BytesIO()
        world = World()
        world.console_event()
        write_console_export(
            out,
            checkpoint=world.note(),
            key=world.log_key,
            lines=world.console_lines,
            tiles=(),
            devices={DeviceId(f"CI-{n}"): DeviceCopy([], {"k": "PEM"}) for n in range(devices)},
            exported=time_text(NOON),
        )
        return files_of(out.getvalue())["manifest.json"]

    assert manifest(300) == manifest(1)
