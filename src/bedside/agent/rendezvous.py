"""In which order a device polls its relays: rendezvous hashing over its own id and their names.

Each device draws a weight for each relay, and the heaviest comes first. So a fleet spreads evenly
without anybody counting; a relay more takes its share from all others, and a relay fewer gives its
share to all others, and nobody else moves (docs/protocol/poll.md, 13.13).
"""

from collections.abc import Sequence
from hashlib import sha256

from bedside.protocol.shapes import Relay

__all__ = ["in_order", "weight"]


def weight(device: str, relay: str) -> bytes:
    """Return the weight that a device gives a relay, by their names: 32 bytes, the first the highest."""
    return sha256(f"{device}\n{relay}".encode()).digest()


def in_order(
    device: str, relays: Sequence[Relay], preferred: Sequence[str] = ()
) -> tuple[Relay, ...]:
    """Return `relays` in this device's order: those it is pinned to as named, then the heaviest.

    A name in `preferred` that is no relay's counts for nothing, and no relay is left out.
    """
    place = {name: number for number, name in enumerate(preferred)}
    heaviest = sorted(relays, key=lambda relay: weight(device, relay.name), reverse=True)
    return tuple(sorted(heaviest, key=lambda relay: place.get(relay.name, len(place))))
