"""Keeps two heavy modules of the standard library out of the idle supervisor until they are used.

`dataclasses` imports `inspect` (with `ast`, `dis`, `tokenize`: more than a mebibyte) to write a
docstring for classes that have none; `pathlib` imports `urllib.parse` (with `ipaddress`) for
`as_uri`. Import this module before them. Whoever does use one of the two gets the real one.
"""

import sys
from types import ModuleType
from typing import Any

__all__ = ["LateModule", "install"]


class LateModule(ModuleType):
    """Stands for a module until one of its names is used, then loads it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_load(self.__name__), name)


def _load(name: str) -> ModuleType:
    if isinstance(sys.modules.get(name), LateModule):
        del sys.modules[name]
    module = __import__(name, fromlist=["*"])
    sys.modules[name] = module
    return module


def _quote_from_bytes(data: bytes, safe: str | bytes = "/") -> str:
    quoted: str = _load("urllib.parse").quote_from_bytes(data, safe)
    return quoted


def install() -> None:
    """Put the stand-ins in place, where the real modules are not loaded yet."""
    sys.modules.setdefault("inspect", LateModule("inspect"))
    if "urllib.parse" not in sys.modules:
        stand_in = LateModule("urllib.parse")
        # pathlib takes this name at import.
        vars(stand_in)["quote_from_bytes"] = _quote_from_bytes
        sys.modules["urllib.parse"] = stand_in


install()
