"""The panel in a browser tab, for the demonstration only: a device has a screen of its own.

textual-serve listens on this machine's loopback; nothing of it exists on a device. Its page is ours:
the library's asks a host elsewhere for its letters, which a hospital's network would see.
"""

import shlex
import sys
from pathlib import Path

from textual_serve.server import Server

__all__ = ["main"]

_PAGES = Path(__file__).with_name("pages")


def main(arguments: list[str]) -> None:
    """Serve the panel of the agent whose socket is `arguments[0]` on port `arguments[1]`."""
    panel = shlex.join([sys.executable, "-m", "bedside", "panel", "--socket", arguments[0]])
    port = int(arguments[1])
    Server(panel, host="localhost", port=port, title="Bedside", templates_path=_PAGES).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
