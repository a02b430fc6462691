"""What stands for the value of an option or argument in a program's help: `--to FILE`.

Where a program names nothing, argparse takes the variable's name, which is English: `--to TO`.
"""

import argparse
import gettext
from typing import Any

from bedside.language.tongues import N_

__all__ = ["PLACES", "name_places"]

PLACES = {
    "bundle": N_("FILE"),
    "code": N_("CODE"),
    "config": N_("FILE"),
    "country": N_("COUNTRY"),
    "device": N_("DEVICE"),
    "email": N_("EMAIL"),
    "export": N_("EXPORT"),
    "file": N_("FILE"),
    "files": N_("FILE"),
    "fingerprint": N_("WORDS"),
    "folder": N_("FOLDER"),
    "host": N_("HOST"),
    "key": N_("FILE"),
    "key_pub": N_("FILE"),
    "last": N_("FILE"),
    "limit": N_("NUMBER"),
    "listen": N_("HOST:PORT"),
    "manufacturer": N_("NAME"),
    "name": N_("NAME"),
    "output": N_("FILE"),
    "port": N_("PORT"),
    "reason": N_("TEXT"),
    "serial": N_("NUMBER"),
    "server_name": N_("NAME"),
    "site": N_("SITE"),
    "socket": N_("SOCKET"),
    "statement": N_("FILE"),
    "timezone": N_("ZONE"),
    "to": N_("FILE"),
    "vetted_on": N_("DATE"),
}
"""What stands for the value of an option or argument, by its name in our programs."""

_init = argparse.Action.__init__


def name_places() -> None:
    """Let argparse name values by PLACES, in the language of gettext's default catalogue.

    A place that a program names itself stays, and choices are their own name.
    """
    argparse.Action.__init__ = _init_named  # type: ignore[method-assign,assignment]


def _init_named(action: argparse.Action, *given: Any, **options: Any) -> None:
    _init(action, *given, **options)
    takes = action.nargs != 0 and action.choices is None
    if takes and action.metavar is None and action.dest in PLACES:
        action.metavar = gettext.gettext(PLACES[action.dest])
