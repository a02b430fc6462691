"""The process that answers `web`'s admin address and adds up what its workers count.

It is a child of the one that starts the workers, made before any thread, and ends with it.
"""

import asyncio
import multiprocessing
import os
import shutil
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from django.conf import settings
from django.db import connections

from bedside.console.health.words import admin_off
from bedside.console.log import announce
from bedside.observe.admin import AdminAddress

__all__ = ["FILES_VARIABLE", "Sidecar", "files_folder", "is_missing"]

FILES_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_LEAVE_S = 5.0
_PARENT_S = 1.0


def files_folder() -> Path:
    """Return where the workers of this `web` count: a folder of its own, removed at its end."""
    return Path(settings.BEDSIDE_DATA_DIR) / "metrics" / f"web-{os.getpid()}"


def is_missing() -> bool:
    """Whether this `web` serves without the admin address that its configuration names."""
    wanted = settings.CONFIG.admin.address("web") is not None
    return wanted and FILES_VARIABLE not in os.environ  # noqa: TID251 - set by `start`


class Sidecar:
    """Starts and ends that process."""

    def __init__(self, address: AdminAddress) -> None:
        self._address = address
        self._folder = files_folder()
        self._process: multiprocessing.context.ForkProcess | None = None

    def start(self) -> None:
        """Listen, in a child; where the address cannot be had, the log says so and nobody counts."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, mode=0o700)
        os.environ[FILES_VARIABLE] = str(self._folder)  # noqa: TID251 - read by prometheus_client
        # What a child inherits of a database's connection is the parent's.
        connections.close_all()
        ours, theirs = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        self._process = context.Process(
            target=_serve, args=(self._address, self._folder, theirs), daemon=True
        )
        self._process.start()
        theirs.close()
        listens = ours.recv()
        ours.close()
        if not listens:
            self.stop()
            self._process = None
            del os.environ[FILES_VARIABLE]  # noqa: TID251 - read by prometheus_client

    def stop(self) -> None:
        """End it, and remove what was counted."""
        if self._process is not None:
            self._process.terminate()
            self._process.join(_LEAVE_S)
        shutil.rmtree(self._folder, ignore_errors=True)


def _serve(address: AdminAddress, folder: Path, started: Connection) -> None:
    asyncio.run(_answer(address, folder, started))


async def _answer(address: AdminAddress, folder: Path, started: Connection) -> None:
    from bedside.console.health.admin import admin_server

    over, loop, parent = asyncio.Event(), asyncio.get_running_loop(), os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    server = admin_server("web", files=folder)
    try:
        host, port = await server.start(address)
    except OSError as error:
        admin_off(address, error)
        started.send(False)
        return
    announce("admin_listening", f"web: admin on {host}:{port}", host=host, port=port)
    started.send(True)
    while not over.is_set() and os.getppid() == parent:
        try:
            async with asyncio.timeout(_PARENT_S):
                await over.wait()
        except TimeoutError:
            continue
    server.close()
