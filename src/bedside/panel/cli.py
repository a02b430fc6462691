"""`bedside panel --socket PATH [--language fr|en]`: the consent panel on a device's screen."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bedside.language import Language

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the panel until it is closed; returns the exit status."""
    parser = argparse.ArgumentParser(prog="bedside panel", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="the agent's Unix socket")
    parser.add_argument(
        "--language", type=Language, choices=list(Language), help="default: the site's"
    )
    given = parser.parse_args(argv)
    # Textual is imported here: `--help` and a wrong argument need none of it.
    from bedside.panel.app import PanelApp

    PanelApp(given.socket, language=given.language).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
