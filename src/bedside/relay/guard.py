"""Whom the relay serves, before a byte of a request is looked at (S23)."""

from collections import Counter
from collections.abc import Callable, Iterable

from bedside.pki.names import CertificateKind, CertificateName
from bedside.protocol.batch import Refused
from bedside.relay.link import Link
from bedside.relay.roles import Peer
from bedside.vocabulary import DeviceId, Gate

__all__ = ["Guard"]

_SERVED = (CertificateKind.DEVICE, CertificateKind.SESSION)
_TELL_AGAIN_MS = 60_000
_REMEMBERED = 10_000


class Guard:
    """Revoked serials, refused devices, connections for each name; tells the console of refusals."""

    def __init__(
        self,
        *,
        connections_per_device: int,
        clock: Callable[[], int],
        refused: Callable[[DeviceId], Gate | None],
        tell: Callable[[Refused], None],
    ) -> None:
        self._most = connections_per_device
        self._refused = refused
        self._clock = clock
        self._tell = tell
        self._connections: Counter[CertificateName] = Counter()
        self._told: dict[tuple[str, Gate], int] = {}
        self._barred: dict[CertificateName, int] = {}
        self.revoked: set[str] = set()
        self.counts: Counter[str] = Counter()

    def admits(self, link: Link) -> Gate | None:
        """Count a new connection in; the gate that refuses it, or None."""
        peer, name = _of(link)
        self._connections[name] += 1
        gate = self.gate(peer, self._clock())
        if gate is None and self._connections[name] > self._most:
            gate = Gate.LIMIT
        return gate

    def left(self, link: Link) -> None:
        """Count a connection out."""
        if link.peer is None or link.peer.name is None:
            return
        name = link.peer.name
        self._connections[name] -= 1
        if not self._connections[name]:
            del self._connections[name]

    def gate(self, peer: Peer, now_ms: int) -> Gate | None:
        """The gate that refuses this peer now, or None: asked again at each request."""
        name, device = peer.name, peer.device
        if name is None or name.kind not in _SERVED or peer.expires_ms <= now_ms:
            return Gate.CERTIFICATE
        if self._barred and self._barred.get(name, 0) > now_ms:
            return Gate.LIMIT
        # A device that is refused is told why; that its certificates were revoked with it says less.
        gate = None if device is None else self._refused(device)
        if gate is None and peer.serial in self.revoked:
            return Gate.REVOKED_CERTIFICATE
        return gate

    def bar(self, link: Link, for_ms: int) -> None:
        """Serve nobody of this link's name for so long, and tell the console why."""
        if link.peer is None or link.peer.name is None:
            return
        now = self._clock()
        self._barred = {name: until for name, until in self._barred.items() if until > now}
        self._barred[link.peer.name] = now + for_ms
        self.note(link, Gate.LIMIT)

    def to_close(self, links: Iterable[Link]) -> list[Link]:
        """The open connections that are refused by now."""
        now, revoked, refused = self._clock(), self.revoked, self._refused
        # Tens of thousands pass here, and hardly one is refused: the full question is for suspects.
        return [
            link
            for link in links
            if (peer := link.peer) is not None
            and peer.name is not None
            and (
                peer.expires_ms <= now or peer.serial in revoked or refused(DeviceId(peer.name.id))
            )
            and link.is_open
        ]

    def note(self, link: Link, gate: Gate) -> None:
        """Tell the console of a refusal: once a minute for the same peer and gate."""
        peer = link.peer
        device, serial = (peer.device, peer.serial) if peer else (None, "")
        self.note_address(link.address, gate, device=device, serial=serial)

    def note_address(
        self, address: str, gate: Gate, *, device: DeviceId | None = None, serial: str = ""
    ) -> None:
        """As `note`, of a peer that may be known by its address only."""
        self.counts[gate] += 1
        now = self._clock()
        key = (device or address, gate)
        if now - self._told.get(key, -_TELL_AGAIN_MS) < _TELL_AGAIN_MS:
            return
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[key] = now
        self._tell(
            Refused(device=device, serial=serial or None, gate=gate, at_ms=now, address=address)
        )


def _of(link: Link) -> tuple[Peer, CertificateName]:
    assert link.peer is not None
    assert link.peer.name is not None
    return link.peer, link.peer.name
