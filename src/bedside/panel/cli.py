"""`bedside panel --socket PATH [--language fr|en]`: the consent panel on a device's screen."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bedside.language import N_, Language, spoken_language, translator

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the panel until it is closed; returns the exit status."""
    spoken = spoken_language(os.environ)  # noqa: TID251 - who types, not who looks at the panel
    say = translator(spoken, "bedside-panel")
    parser = argparse.ArgumentParser(
        prog="bedside panel", description=say(N_("The consent panel on a device's screen."))
    )
    parser.add_argument(
        "--socket", type=Path, required=True, help=say(N_("the agent's Unix socket"))
    )
    parser.add_argument(
        "--language", type=Language, choices=list(Language), help=say(N_("default: the site's"))
    )
    given = parser.parse_args(argv)
    # Textual is imported here: `--help` and a wrong argument need none of it.
    from bedside.panel.app import PanelApp

    PanelApp(given.socket, language=given.language).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
