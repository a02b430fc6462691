"""`bedside relay spool`: what waits in a relay's folder for the console, in words, no content."""

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from bedside.language import N_, Language, translator
from bedside.language.config_error import ConfigError
from bedside.relay.spool import Spool, SpoolLimits
from bedside.relay.spool_files import DAMAGED, read_folder, recover

__all__ = ["check_folder", "spool_words"]

_KINDS = {
    "report": N_("Reports of devices"),
    "presence": N_("Devices that polled"),
    "overdue": N_("Devices whose poll is late"),
    "absent": N_("Devices that stopped polling"),
    "delivered": N_("Messages delivered"),
    "tunnel_opened": N_("Tunnels opened"),
    "tunnel_closed": N_("Tunnels closed"),
    "refused": N_("Refusals"),
    "settled": N_("Starts of the relay"),
    "draining": N_("Stops of the relay"),
    "superseded_instance_returned": N_("Copies of a device"),
}
_KIB = 1024


def check_folder(folder: Path) -> None:
    """Raise ConfigError unless the folder, or the nearest one above that is there, may be written."""
    nearest = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise ConfigError(N_("spool: this user may not write in {folder}"), folder=folder)


def spool_words(folder: Path, limits: SpoolLimits, language: Language) -> str:
    """Return lines for a person: how much waits, since when, of which kinds, what is damaged.

    Reads the folder beside the relay that owns it, or without one. Raises OSError when the folder
    is there and cannot be read.
    """
    say = translator(language)
    spool, damaged = _read(folder, limits)
    lines = [
        (say(N_("Waiting for the console")), f"{len(spool)}"),
        (say(N_("Size")), _size(spool.size, limits.waiting, say(N_("{size} of {most} KiB")))),
    ]
    if spool:
        oldest = min(each.event.at_ms for each in spool) // 1000
        lines.append(
            (say(N_("Since")), f"{datetime.fromtimestamp(oldest, UTC):%Y-%m-%d %H:%M:%S} UTC")
        )
    kinds = Counter(str(each.event.FIXED["kind"]) for each in spool)
    lines += [(say(words), f"{kinds[kind]}") for kind, words in _KINDS.items() if kinds[kind]]
    if damaged:
        lines.append((say(N_("Damaged files")), f"{damaged}"))
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:{width}}  {value}" for name, value in lines)


def _read(folder: Path, limits: SpoolLimits) -> tuple[Spool, int]:
    spool = Spool(limits, "")
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:  # no relay has run here yet
        names = []
    files = [found for _, found in read_folder(folder)]
    recover(files, spool)
    set_aside = sum(name.endswith(DAMAGED) for name in names)
    return spool, set_aside + sum(found.damaged for found in files)


def _size(size: int, most: int, words: str) -> str:
    return words.format(size=-(-size // _KIB), most=most // _KIB)
