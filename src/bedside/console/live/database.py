"""The database from asyncio: calls run in a few threads, each with a connection of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections

__all__ = ["Database"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Database:
    """Runs synchronous code against the database; `close` waits for what is under way."""

    def __init__(self, threads: int = 4) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="database")

    async def run(self, act: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return what `act` returns; what it raises passes through."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(_call, act, *args, **kwargs))

    def close(self) -> None:
        """Wait for what is under way, then close the connections."""
        for _ in range(self._threads._max_workers):
            self._threads.submit(connections.close_all)
        self._threads.shutdown()


def _call(act: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    # A connection that the server dropped is replaced before it is used, not after it failed.
    close_old_connections()
    return act(*args, **kwargs)
