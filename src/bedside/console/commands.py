"""What every command of the console shares: the language of whoever types, and no other furniture.

Django's own options (settings, tracebacks, colours) belong to `bedside console manage`; a house
command does not show them. What stands on a class is marked with `N_`, and said when the parser is made.
"""

import contextlib
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import NotSupportedError, OperationalError, connection, connections
from django.utils import translation

from bedside.language import Language, parse_language, spoken_language
from bedside.language.furniture import file_words
from bedside.pki.keystore import KeyStoreError

__all__ = ["HouseCommand", "file_refusal", "run_command"]


_DJANGOS = {
    "--version",
    "--verbosity",
    "--settings",
    "--pythonpath",
    "--traceback",
    "--no-color",
    "--force-color",
}


class HouseCommand(BaseCommand):
    """A command of the house.

    One that serves until it is told to stop keeps the console's own language, whoever started it.
    """

    serves = False
    # Django's checks load every page, which is half of a command's time; what they find is a fault of
    # the code. `bedside console check` makes them, and so does the suite.
    requires_system_checks = ()
    suppressed_base_arguments = _DJANGOS

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return the parser; `help`, marked on the class, is said in the active language."""
        self.help = translation.gettext(self.help)
        return super().create_parser(prog_name, subcommand, **kwargs)


def run_command(command: BaseCommand, word: str, words: list[str]) -> int:
    """Run a command for a person at a terminal; return its exit code.

    A refusal is one line on standard error, a key that cannot be used too.
    """
    language = spoken_language(os.environ).value  # noqa: TID251 - who types
    spoken = translation.override(language)
    # So that a misuse is told by the parser, with its usage, and not raised.
    command._called_from_command_line = True  # type: ignore[attr-defined]
    with spoken:
        options: dict[str, Any] = vars(
            command.create_parser("bedside console", word).parse_args(words)
        )
    arguments = options.pop("args", ())
    serves = getattr(command, "serves", False)
    try:
        if serves:
            connection.ensure_connection()
        with contextlib.nullcontext() if serves else spoken:
            command.execute(*arguments, **options)
    except CommandError as error:
        print(f"✖ {error}", file=sys.stderr)
        return error.returncode
    except KeyStoreError as error:
        print(f"✖ {error.say(parse_language(language))}", file=sys.stderr)
        return 1
    except (NotSupportedError, OperationalError) as error:
        with translation.override(language):
            print(f"✖ {_database_refusal(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1  # whoever read has gone, as `| head` does
    finally:
        connections.close_all()
        _end_output()
    return 0


def _end_output() -> None:
    """Write what waits, and leave nothing for the interpreter's end to stumble over."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def file_refusal(error: OSError) -> str:
    """Return why a file cannot be read or written, in the active language, its name first."""
    spoken = (translation.get_language() or "").partition("-")[0]
    language = Language.FRENCH if spoken == Language.FRENCH else Language.ENGLISH
    words = file_words(error, language)
    return f"{error.filename}: {words}" if error.filename else words


def _database_refusal(error: Exception) -> str:
    said = " ".join(str(error).split())
    words = translation.gettext(
        "The database cannot be used: %(error)s. Check that its server runs and that `database` in "
        "the configuration names it, then run: bedside console migrate"
    )
    return words % {"error": said.rstrip(".")}
