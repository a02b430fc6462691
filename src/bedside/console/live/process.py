"""The `live` process: two listeners over one watch, until it is told to stop."""

import asyncio
import logging
import os
import signal
import ssl
from dataclasses import dataclass
from pathlib import Path

from bedside.console.health.beat import Beat
from bedside.console.health.words import admin_off
from bedside.console.live.answering import answering
from bedside.console.live.database import Database
from bedside.console.live.people_routes import PeopleRoutes
from bedside.console.live.relay_routes import RelayRoutes
from bedside.console.live.server import HttpServer, ServerLimits
from bedside.console.live.watch import Watch
from bedside.console.log import announce
from bedside.console.wake import listen
from bedside.console.wake.bell import Bell
from bedside.observe.admin import AdminAddress, AdminServer
from bedside.pki.contexts import console_server_context
from bedside.protocol.batch import MAX_BATCH
from bedside.protocol.http import HttpLimits

__all__ = ["LiveConfig", "serve"]

_log = logging.getLogger("bedside.live")


@dataclass(frozen=True, kw_only=True)
class LiveConfig:
    """Where `live` listens, and the certificate that it shows to relays."""

    people: tuple[str, int]
    relays: tuple[str, int]
    certificate: Path
    key: Path
    server_name: str
    admin: AdminAddress | None = None

    def context(self) -> ssl.SSLContext:
        """Return the TLS context of the relays' listener."""
        return console_server_context(self.certificate, self.key, server_name=self.server_name)


_RELAY_LIMITS = ServerLimits(http=HttpLimits(body=MAX_BATCH), connections=256)
_PEOPLE_LIMITS = ServerLimits(http=HttpLimits(body=1024), connections=1024)


async def serve(config: LiveConfig) -> None:
    """Serve until SIGTERM or SIGINT, then end every connection and return."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    database = Database()
    name = f"live-{os.getpid()}"
    waker, bell = listen(name), Bell(name)
    bell.ring_here()
    watch = Watch(database, waker, heard=lambda: bell.heard)
    relays = HttpServer(answering(RelayRoutes(database, watch)), _RELAY_LIMITS)
    people = HttpServer(answering(PeopleRoutes(database, watch)), _PEOPLE_LIMITS)
    beat = admin = None
    try:
        if config.admin is not None:
            admin = await _open_admin(config.admin, {"relays": relays, "people": people}, watch)
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(watch.run())
            relay_port = await relays.start(*config.relays, tls=config.context())
            people_port = await people.start(*config.people)
            beat = Beat("live", admin_off=config.admin is not None and admin is None)
            beat.start()
            announce(
                "listening",
                f"live: relays on {relay_port}, people on {people_port}",
                relays=relay_port,
                people=people_port,
            )
            await stop.wait()
            looking.cancel()
    finally:
        if admin is not None:
            admin.close()
        if beat is not None:
            beat.stop()
        bell.stop()
        await relays.close()
        await people.close()
        waker.close()
        database.close()


async def _open_admin(
    address: AdminAddress, servers: dict[str, HttpServer], watch: Watch
) -> AdminServer | None:
    # Loaded here, so that a process without an admin address carries none of it.
    from bedside.console.health.admin import admin_server
    from bedside.console.health.metrics import watch_database
    from bedside.console.live.tallies import listeners

    watch_database()
    server = admin_server("live", tally=lambda: listeners(servers, watch))
    try:
        host, port = await server.start(address)
    except OSError as error:
        admin_off(address, error)
        return None
    announce("admin_listening", f"live: admin on {host}:{port}", host=host, port=port)
    return server
