"""`bedside console worker`: seals the journal and does what is due."""

import os
from typing import TYPE_CHECKING, Any

from django.conf import settings

from bedside.console.commands import HouseCommand
from bedside.console.health.beat import Beat
from bedside.console.health.tracing import open_spans
from bedside.console.health.words import admin_off
from bedside.console.journal.custody import do_take_custody
from bedside.console.live.clockwork import Clockwork, Duty
from bedside.console.log import announce, name_process
from bedside.console.wake import listen
from bedside.language import N_
from bedside.observe.admin import AdminAddress, AdminThread

if TYPE_CHECKING:
    from bedside.observe.spans import Spans

_TRACES_MS = 1_000


class Command(HouseCommand):
    """Works until it is told to stop."""

    help = N_("seal the journal, end what is due")
    serves = True

    def handle(self, **options: Any) -> None:
        """Work until SIGTERM or SIGINT."""
        del options
        name_process("worker")
        do_take_custody()
        waker = listen(f"worker-{os.getpid()}")
        announce("at_work", "worker: at work")
        spans = open_spans()
        clockwork = Clockwork(waker, *_traces(spans))
        admin = beat = None
        try:
            address = settings.CONFIG.admin.address("worker")
            if address is not None:
                admin = _admin(clockwork, address)
            beat = Beat("worker", admin_off=address is not None and admin is None)
            beat.start()
            clockwork.run()
        finally:
            if beat is not None:
                beat.stop()
            if admin is not None:
                admin.stop()
            if spans is not None:
                spans.close()
            waker.close()


def _traces(spans: "Spans | None") -> list[Duty]:
    if spans is None:
        return []
    from bedside.console.live.traces import SessionTraces

    traces: list[SessionTraces] = []

    def turn(now: int) -> None:
        # A database that is away at the start is asked again at the next turn.
        if not traces:
            traces.append(SessionTraces(spans))
        traces[0].turn(now)

    return [Duty("traces", _TRACES_MS, turn)]


def _admin(clockwork: Clockwork, address: AdminAddress) -> AdminThread | None:
    # Loaded here, so that a worker without an admin address carries none of it.
    from bedside.console.health.admin import admin_server
    from bedside.console.health.metrics import watch_database
    from bedside.console.live.tallies import duties

    watch_database()
    server = admin_server("worker", tally=lambda: duties(clockwork), tells_state=True)
    thread = AdminThread(server, address)
    try:
        host, port = thread.start()
    except OSError as error:
        admin_off(address, error)
        return None
    announce("admin_listening", f"worker: admin on {host}:{port}", host=host, port=port)
    return thread
