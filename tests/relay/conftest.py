"""The relay runs on two event loops; what moves bytes is tested on both."""

import asyncio

import uvloop

_BOTH = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_asyncio_loop_factories(config, item):
    del config
    if item.path.name in {"test_tunnels.py", "test_driver.py", "test_owed.py", "test_sockets.py"}:
        return _BOTH
    return {"asyncio": asyncio.new_event_loop}
