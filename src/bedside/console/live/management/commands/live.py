"""`bedside console live`: serves relays and event streams."""

import asyncio
from typing import Any

from django.conf import settings

from bedside.console.commands import HouseCommand
from bedside.console.journal.actions import now_ms
from bedside.console.journal.custody import do_take_custody
from bedside.console.live.certificate import live_certificate, relay_server_name
from bedside.console.live.process import LiveConfig, serve
from bedside.console.log import name_process
from bedside.language import N_


class Command(HouseCommand):
    """Serves until it is told to stop."""

    help = N_("serve relays and event streams")
    serves = True

    def handle(self, **options: Any) -> None:
        """Serve on `relay_listen` and `live_listen` of the configuration."""
        del options
        name_process("live")
        do_take_custody()
        certificate, key = live_certificate(now=now_ms())
        config = LiveConfig(
            people=_address(settings.CONFIG.live_listen),
            relays=_address(settings.CONFIG.relay_listen),
            certificate=certificate,
            key=key,
            server_name=relay_server_name(),
            admin=settings.CONFIG.admin.address("live"),
        )
        asyncio.run(serve(config))


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
