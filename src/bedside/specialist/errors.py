"""What can go wrong, as the specialist is told it: a sentence, an exit code, what to do next.

| Exit code | Meaning |
|---|---|
| 0 | done |
| 1 | something else went wrong |
| 2 | the command was not understood, a file cannot be read, or a console's address is refused |
| 3 | a journal does not verify, or a part is not installed |
| 4 | not logged in, or a risky act asks to log in again |
| 5 | refused by the console's rules |
| 6 | the session is over: refused at the device, unanswered, ended, its time past |
| 7 | the console or the relay cannot be reached |
| 8 | a key is not the one that this computer knows |
"""

from collections.abc import Sequence
from enum import IntEnum

__all__ = [
    "BadAddressError",
    "CliError",
    "ExitCode",
    "KeyRefusedError",
    "NotFoundError",
    "NotLoggedInError",
    "RefusedError",
    "SessionOverError",
    "UnreachableError",
]


class ExitCode(IntEnum):
    """The command line's exit codes: stable."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    BAD_JOURNAL = 3
    NOT_LOGGED_IN = 4
    REFUSED = 5
    SESSION_OVER = 6
    UNREACHABLE = 7
    KEY_REFUSED = 8


class CliError(Exception):
    """Ends the command with a sentence for the person, and what to do next.

    Attributes:
        sentences: one line each, already in the person's language.
        exit_code: what the shell sees.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.sentences: Sequence[str] = sentences


class BadAddressError(CliError):
    """No address of a console, or one that must not be used."""

    exit_code = ExitCode.USAGE


class NotFoundError(CliError):
    """The console does not know, or does not show, what was asked for."""


class NotLoggedInError(CliError):
    """No token, one that the console no longer takes, or an act that asks for a fresh log-in."""

    exit_code = ExitCode.NOT_LOGGED_IN


class RefusedError(CliError):
    """The console's rules refused; each sentence names a gate and what to do."""

    exit_code = ExitCode.REFUSED


class SessionOverError(CliError):
    """The session ended while the person waited for it."""

    exit_code = ExitCode.SESSION_OVER


class UnreachableError(CliError):
    """The console or the relay does not answer."""

    exit_code = ExitCode.UNREACHABLE


class KeyRefusedError(CliError):
    """A host CA or a device's key is not the one that this computer knows."""

    exit_code = ExitCode.KEY_REFUSED
