"""Short ways to say what happens at a relay, shared by the tests."""

from bedside.audit.entry import SYSTEM
from bedside.console.journal.actions import now_ms
from bedside.console.relays.actions import do_add_relay
from bedside.console.relays.models import Relay
from bedside.protocol.batch import Presence
from bedside.protocol.shapes import JournalHead
from bedside.protocol.shapes import Relay as Address
from bedside.vocabulary import Activity, DeviceId, PollMode, RelayName

DEVICE = "CI-20417"
SESSION = "01JD0000000000000000000000"
NOW = 1_763_900_000_000
GENESIS = "0" * 64


def add_relays(*names: str) -> None:
    for name in names:
        address = Address(
            name=RelayName(name), host="127.0.0.1", server_name=f"{name}.example", ports=(443,)
        )
        do_add_relay(address, "PEM", actor=SYSTEM, now=NOW)
    # Nobody asks in its name: it counts as heard for as long as a test may last.
    Relay.objects.filter(pk__in=names).update(seen_ms=now_ms() + 86_400_000)


def seen(at_ms: int = NOW, *, device: str = DEVICE, instance: str = "a", size: int = 0) -> Presence:
    return Presence(
        device=DeviceId(device),
        instance=instance * 32,
        at_ms=at_ms,
        mode=PollMode.HELD,
        activity=Activity.IDLE,
        version="0.1.0",
        configuration=1,
        journal=JournalHead(size=size, head=GENESIS),
        address="192.0.2.7",
    )
