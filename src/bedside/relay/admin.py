"""The relay's admin address: `/metrics`, `/healthz`, `/readyz`."""

from bedside.observe.admin import METRICS_TYPE, AdminAddress, AdminServer, Answer
from bedside.relay.clock import wall_ms
from bedside.relay.config import listen_error
from bedside.relay.health import readiness
from bedside.relay.metrics import RelayMetrics
from bedside.relay.server import Relay

__all__ = ["open_admin"]


async def open_admin(relay: Relay, address: AdminAddress) -> AdminServer:
    """Serve the admin address in the relay's own loop. Raises ConfigError where it is taken."""
    metrics = RelayMetrics(relay)

    async def healthz() -> Answer:
        return Answer(200, b"ok  relay: it runs\n")

    async def readyz() -> Answer:
        health = readiness(relay, now_ms=wall_ms())
        return Answer(health.status, health.text().encode())

    async def measured() -> Answer:
        return Answer(200, metrics.text(), METRICS_TYPE)

    server = AdminServer({"/metrics": measured, "/healthz": healthz, "/readyz": readyz})
    try:
        host, port = await server.start(address)
    except OSError as error:
        raise listen_error(address, error, key="admin") from error
    relay.log("admin_listening", host=host, port=port)
    return server
