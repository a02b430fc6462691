"""A web process's memory: what is there for good is not searched for garbage again and again."""

import gc
from importlib import import_module

from django.conf import settings

__all__ = ["settle"]


def settle() -> None:
    """Load every page, then take all that is loaded out of the garbage collector's sight.

    For a process that has started and serves from now on. A full collection stops it: over the
    modules, models and forms of the console for longer than most pages take.
    """
    import_module(settings.ROOT_URLCONF)
    gc.collect()
    gc.freeze()
