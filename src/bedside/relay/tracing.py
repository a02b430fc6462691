"""A relay's own spans: how long a session's legs waited for each other."""

from bedside.observe.extra import spans_class
from bedside.observe.trace import Span
from bedside.relay.clock import wall_ms
from bedside.relay.pairing import Pair
from bedside.relay.server import Relay

__all__ = ["Tracing"]

SERVICE = "bedside-relay"


class Tracing:
    """Sends a span for each pair of legs, until it is closed.

    Raises ImportError where the extra `tracing` is not installed.
    """

    def __init__(self, relay: Relay, endpoint: str) -> None:
        self._name = relay.config.name
        self._spans = spans_class()(endpoint, SERVICE)
        relay.tunnels.paired = self._paired

    def close(self) -> None:
        """Send what is queued, and end."""
        self._spans.close()

    def _paired(self, pair: Pair, since_ms: int) -> None:
        span = Span(
            service=SERVICE,
            name="the legs are paired",
            session=pair.session,
            start_ms=since_ms,
            end_ms=wall_ms(),
            number=pair.index,
            attributes={"bedside.relay": self._name, "bedside.connection": pair.index},
        )
        self._spans.send(span)
