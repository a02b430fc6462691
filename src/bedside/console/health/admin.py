"""The admin addresses of the console's processes: `/metrics`, `/healthz`, `/readyz`."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import translation
from prometheus_client.registry import Collector

from bedside.console.health.checks import readiness
from bedside.console.health.metrics import (
    StateCollector,
    Tally,
    TallyCollector,
    registry_of,
    text_of,
)
from bedside.console.health.queries import Reading, read
from bedside.observe.admin import METRICS_TYPE, AdminServer, Answer

__all__ = ["admin_server"]

_FRESH_S = 10.0
_T = TypeVar("_T")


def admin_server(
    process: str,
    *,
    tally: Tally | None = None,
    files: Path | None = None,
    tells_state: bool = False,
) -> AdminServer:
    """Return the pages of one process, to be served by its loop or in a thread.

    Args:
        process: `web`, `live` or `worker`.
        tally: what the process counts by itself.
        files: where the processes of `web` count, for the one that adds them up.
        tells_state: whether the state of the whole console is among its metrics.
    """
    database = _Asker()
    state = _State()
    collectors: list[Collector] = [TallyCollector(process, tally)]
    if tells_state:
        collectors.append(StateCollector(state.newest))
    registry = registry_of(*collectors, files=files)

    async def healthz() -> Answer:
        return Answer(200, f"ok  {process}: it runs\n".encode())

    async def readyz() -> Answer:
        status, text = await database.ask(_ready)
        return Answer(status, text.encode())

    async def measured() -> Answer:
        if tells_state:
            await database.ask(state.refresh)
        return Answer(200, text_of(registry), METRICS_TYPE)

    return AdminServer({"/metrics": measured, "/healthz": healthz, "/readyz": readyz})


class _Asker:
    """Asks the database from a thread of its own: no loop waits for it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="admin-database")

    async def ask(self, act: Callable[[], _T]) -> _T:
        """Return what `act` returns."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(_call, act))


class _State:
    """The newest reading, taken anew where it is older than ten seconds."""

    def __init__(self) -> None:
        self._reading: Reading | None = None
        self._taken_s = -_FRESH_S

    def newest(self) -> Reading | None:
        """Return it; None where there is none, or the database was away the last time."""
        return self._reading

    def refresh(self) -> None:
        """Read, unless it was done just now."""
        if time.monotonic() - self._taken_s < _FRESH_S:
            return
        try:
            self._reading = read()
        except DatabaseError:
            self._reading = None
        self._taken_s = time.monotonic()


def _call(act: Callable[[], _T]) -> _T:
    close_old_connections()
    return act()


def _ready() -> tuple[int, str]:
    with translation.override(settings.LANGUAGE_CODE):
        health = readiness()
    return health.status, health.text()
