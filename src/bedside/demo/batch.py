"""Several console commands in one process: the demonstration starts in half the time.

Reads a JSON list of command lines from standard input; stops at the first that fails.
"""

import json
import sys

from bedside.console.cli import main

__all__ = ["run"]


def run(commands: list[list[str]]) -> int:
    """Run console commands one after another; returns the first exit code that is not 0."""
    for words in commands:
        code = main(words)
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(run(json.load(sys.stdin)))
