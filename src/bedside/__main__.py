"""The `bedside` command: finds the program a first word names, and loads only that one."""

import importlib
import os
import sys
from collections.abc import Callable, Sequence

from bedside import __version__

__all__ = ["command", "main"]

# The first word of the command, and the extra whose packages that program needs.
# Any other word belongs to the specialist's command line.
_EXTRA_OF_PROGRAM = {
    "agent": "agent",
    "console": "console",
    "demo": "demo",
    "fleet": "relay",
    "panel": "panel",
    "relay": "relay",
    "site": "site",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program that the first argument names and return its exit code.

    `console`, `relay`, `agent`, `panel`, `site`, `fleet` and `demo` go to `bedside.PROGRAM.cli.main(argv)`;
    everything else goes to the specialist's command line with all its arguments.
    A program whose packages are not installed is refused with the command that installs them
    (exit code 3).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        print(f"bedside {__version__}")
        return 0
    program = arguments[0] if arguments else ""
    if program in _EXTRA_OF_PROGRAM:
        return _run(program, _EXTRA_OF_PROGRAM[program], arguments[1:])
    return _run("specialist", "specialist", arguments)


def _run(program: str, extra: str, arguments: list[str]) -> int:
    from bedside.language import N_, spoken_language, translator
    from bedside.language.furniture import furnish

    furnish()
    try:
        module = importlib.import_module(f"bedside.{program}.cli")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "bedside":
            raise
        # By name alone, pip would take whatever bears this name on a public index.
        say = translator(spoken_language(os.environ))  # noqa: TID251 - who types
        words = say(N_("{package} is not installed. In the release's folder: {command}"))
        command = f"pip install --require-hashes -r requirements/{extra}.lock"
        said = words.format(package=error.name, command=command)
        print(f"bedside {program}: {said}", file=sys.stderr)
        return 3
    run: Callable[[list[str]], int | None] = module.main
    return run(arguments) or 0


def command() -> int:
    """Run `main` for a shell; Ctrl-C at any moment ends it by 130, without a traceback."""
    try:
        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(command())
