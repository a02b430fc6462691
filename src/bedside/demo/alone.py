"""One demonstration for each folder: the second is told so, before anything is started."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from bedside.demo.world import WorldError
from bedside.language import N_, Language, translator

__all__ = ["alone_in"]


@contextlib.contextmanager
def alone_in(folder: Path, language: Language) -> Iterator[None]:
    """Hold a folder for one demonstration until the block ends.

    The kernel lets go of it with the process, however that ends.

    Raises:
        WorldError: another demonstration runs in this folder.
    """
    with (folder / "running").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = N_(
                "The demonstration runs already in {folder}. Use it, end it with Ctrl-C, "
                "or name another folder with --folder."
            )
            raise WorldError(translator(language)(text).format(folder=folder)) from None
        yield
