"""The panel in a browser tab, for the demonstration only: a device has a screen of its own.

textual-serve listens on this machine's loopback; nothing of it exists on a device.
"""

import shlex
import sys

from textual_serve.server import Server

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Serve the panel of the agent whose socket is `arguments[0]` on port `arguments[1]`."""
    panel = shlex.join([sys.executable, "-m", "bedside", "panel", "--socket", arguments[0]])
    Server(panel, host="localhost", port=int(arguments[1]), title="Bedside").serve()


if __name__ == "__main__":
    main(sys.argv[1:])
