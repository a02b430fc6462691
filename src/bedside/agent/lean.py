"""Keeps parts of the standard library out of the idle supervisor until something uses them.

Some modules import others for one rare function: `dataclasses` imports `inspect` (with `ast`, `dis`
and `tokenize`) to write a docstring where there is none, `pathlib` imports `urllib.parse` for
`as_uri`, `ssl` imports `base64` to print a certificate; ours import `typing` for annotations. Together
they are more than two mebibytes. Import this module before those; whoever uses such a name gets the
real module then.
"""

import sys
from types import ModuleType

from bedside.agent.lean_typing import NAMES

__all__ = ["LATE", "LateModule", "install"]

LATE = (
    "array",
    "base64",
    "copy",
    "fnmatch",
    "inspect",
    "ntpath",
    "selectors",
    "typing",
    "urllib.parse",
)
"""The modules that stay away until they are used."""


class LateModule(ModuleType):
    """Stands for a module until one of its names is used, then loads it."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_load(self.__name__), name)


def _load(name: str) -> ModuleType:
    if isinstance(sys.modules.get(name), LateModule):
        del sys.modules[name]
    return __import__(name, fromlist=["*"])


def _quote_from_bytes(data: bytes, safe: str | bytes = "/") -> str:
    quoted: str = _load("urllib.parse").quote_from_bytes(data, safe)
    return quoted


def install() -> None:
    """Put the stand-ins in place, where the real modules are not loaded yet."""
    for name in LATE:
        sys.modules.setdefault(name, LateModule(name))
    # pathlib takes this one name at its own import; ours take those of annotations at theirs.
    for name, ready in (
        ("urllib.parse", {"quote_from_bytes": _quote_from_bytes}),
        ("typing", NAMES),
    ):
        stand_in = sys.modules[name]
        if isinstance(stand_in, LateModule):
            vars(stand_in).update(ready)


install()
