"""`bedside console web`: pages and REST API under WSGI."""

from importlib import import_module
from typing import Any

from django.conf import settings

from bedside.console.commands import HouseCommand
from bedside.console.health.sidecar import Sidecar
from bedside.console.journal.custody import do_take_custody
from bedside.console.log import name_process
from bedside.language import N_


class Command(HouseCommand):
    """Serves until it is told to stop."""

    help = N_("serve the pages and the REST API")
    serves = True

    def handle(self, **options: Any) -> None:
        """Serve with granian: `listen` and `web_workers` of the configuration."""
        del options
        name_process("web")
        do_take_custody()
        address = settings.CONFIG.admin.address("web")
        if address is None:
            _serve()
            return
        sidecar = Sidecar(address)
        try:
            sidecar.start()
            _serve()
        finally:
            sidecar.stop()


def _serve() -> None:
    from granian import Granian
    from granian.constants import Interfaces

    # Once, for all the workers.
    import_module(settings.ROOT_URLCONF)
    host, _, port = settings.CONFIG.listen.rpartition(":")
    Granian(
        "bedside.console.project.wsgi:application",
        address=host.strip("[]"),
        port=int(port),
        interface=Interfaces.WSGI,
        websockets=False,
        workers=settings.CONFIG.web_workers,
        # Left to itself it takes 512: as many passwords hashed at once would take all memory.
        blocking_threads=max(1, settings.CONFIG.web_threads),
        log_access=False,
        log_dictconfig=settings.LOGGING if settings.CONFIG.log.format == "json" else None,
    ).serve()
