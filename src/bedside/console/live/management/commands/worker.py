"""`bedside console worker`: seals the journal and does what is due."""

import os
from typing import Any

from bedside.console.commands import HouseCommand
from bedside.console.live.clockwork import Clockwork
from bedside.console.log import announce, name_process
from bedside.console.wake import listen
from bedside.language import N_


class Command(HouseCommand):
    """Works until it is told to stop."""

    help = N_("seal the journal, end what is due")
    serves = True

    def handle(self, **options: Any) -> None:
        """Work until SIGTERM or SIGINT."""
        del options
        name_process("worker")
        waker = listen(f"worker-{os.getpid()}")
        announce("at_work", "worker: at work")
        try:
            Clockwork(waker).run()
        finally:
            waker.close()
