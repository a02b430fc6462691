"""What waits for devices at this relay: a pure machine, told the time.

A message is sent until it is acknowledged, expires or is withdrawn: again on a new connection at once,
on the same one after a pause (docs/protocol/poll.md).
"""

from collections.abc import Hashable
from dataclasses import dataclass

from bedside.protocol.feed import MessageOffered
from bedside.protocol.poll import MAX_MESSAGES, Message
from bedside.relay.wheel import Wheel
from bedside.vocabulary import DeviceId, MessageKind

__all__ = ["Waiting", "WaitingMessages"]


@dataclass(slots=True)
class Waiting:
    """One message, and where and when it was sent last."""

    offered: MessageOffered
    sent_to: Hashable = None
    sent_ms: int = 0

    @property
    def is_order(self) -> bool:
        """Whether it asks for a session."""
        return self.offered.message_kind is MessageKind.ORDER


class WaitingMessages:
    """All messages of all devices.

    Args:
        per_device: the most for one device; one more takes the place of the oldest.
        resend_ms: the pause before a message is sent again on the same connection.
    """

    def __init__(self, *, per_device: int, resend_ms: int) -> None:
        self.by_device: dict[DeviceId, dict[str, Waiting]] = {}
        """Has no device for whom nothing waits; always the same object."""
        self._per_device = per_device
        self._resend_ms = resend_ms
        self._expiries: Wheel[tuple[DeviceId, str]] = Wheel(1000)

    def __len__(self) -> int:
        return sum(map(len, self.by_device.values()))

    def names(self) -> list[tuple[DeviceId, str]]:
        """Every message that waits, by device and id."""
        return [(device, each) for device, them in self.by_device.items() for each in them]

    def has_order(self, device: DeviceId) -> bool:
        """Whether an order waits for this device."""
        return any(waiting.is_order for waiting in self.by_device.get(device, {}).values())

    def offer(self, offered: MessageOffered, now_ms: int, *, sent_to: Hashable = None) -> bool:
        """Let a message wait; False where it does already, or has expired.

        It is noted as sent where `sent_to` is the connection on which it was.
        """
        waiting = self.by_device.get(offered.device, {})
        if offered.id in waiting or offered.expires_ms <= now_ms:
            return False
        while len(waiting) >= self._per_device:
            self.withdraw(offered.device, next(iter(waiting)))
        self.by_device.setdefault(offered.device, waiting)[offered.id] = Waiting(
            offered, sent_to, now_ms
        )
        self._expiries.set((offered.device, offered.id), offered.expires_ms)
        return True

    def withdraw(self, device: DeviceId, message: str) -> bool:
        """A message waits no longer; whether it did."""
        waiting = self.by_device.get(device, {})
        found = waiting.pop(message, None) is not None
        self._expiries.cancel((device, message))
        if found and not waiting:
            del self.by_device[device]
        return found

    def expire(self, now_ms: int) -> None:
        """Forget those whose time is over."""
        for device, message in self._expiries.due(now_ms):
            self.withdraw(device, message)

    def due(
        self, device: DeviceId, key: Hashable, now_ms: int, *, orders: bool = True
    ) -> list[Waiting]:
        """The messages to send on connection `key` now, without orders unless `orders`."""
        if device not in self.by_device:
            return []
        due = [
            waiting
            for waiting in self.by_device[device].values()
            if (waiting.sent_to != key or now_ms - waiting.sent_ms >= self._resend_ms)
            and (orders or not waiting.is_order)
        ]
        return due[:MAX_MESSAGES]

    def take(
        self, device: DeviceId, key: Hashable, now_ms: int, *, orders: bool = True
    ) -> tuple[Message, ...]:
        """Return what is `due` as it is sent, and note that it is."""
        due = self.due(device, key, now_ms, orders=orders)
        for waiting in due:
            waiting.sent_to, waiting.sent_ms = key, now_ms
        return tuple(
            Message(each.offered.id, each.offered.message_kind, each.offered.sealed) for each in due
        )
