"""What the standard library's argparse says of itself: "usage", "options", "unrecognized arguments".

argparse asks gettext's default catalogue; `furnish` makes that ours, so that nobody on a French
terminal reads English around our own sentences. gettext and `spoken_language` look at the same
variables of the environment, in the same order.

The sentences are those of Python 3.11 to 3.14 that a person can meet; what only a programmer can
cause is left in English.
"""

import gettext

from bedside.language.tongues import CATALOGUES, N_, Language, translator

__all__ = ["SENTENCES", "file_sentence", "file_words", "furnish", "ngettext"]


def ngettext(one: str, many: str) -> tuple[str, str]:
    """Mark a sentence and its plural for the catalogues."""
    return one, many


SENTENCES = (
    N_("usage: "),
    N_("positional arguments"),
    N_("options"),
    N_("%(heading)s:"),
    N_("show this help message and exit"),
    N_("%(prog)s: error: %(message)s\n"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("unrecognized arguments: %s"),
    N_("the following arguments are required: %s"),
    N_("one of the arguments %s is required"),
    N_("not allowed with argument %s"),
    N_("ignored explicit argument %r"),
    N_("unexpected option string: %s"),
    N_("expected one argument"),
    N_("expected at most one argument"),
    N_("expected at least one argument"),
    ngettext("expected %s argument", "expected %s arguments"),
    N_("ambiguous option: %(option)s could match %(matches)s"),
    N_("invalid %(type)s value: %(value)r"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)"),
    N_("unknown parser %(parser_name)r (choices: %(choices)s)"),
    N_("can't open '%(filename)s': %(error)s"),
)


def file_sentence(error: OSError) -> str:
    """Return the marked sentence of why a file cannot be used; it may have the field `number`."""
    if isinstance(error, FileNotFoundError):
        return N_("there is no such file")
    if isinstance(error, PermissionError):
        return N_("you have no right to it")
    if isinstance(error, FileExistsError):
        return N_("there is such a file already, and it is not replaced")
    if isinstance(error, IsADirectoryError):
        return N_("it is a folder")
    return N_("the system refuses it ({number})")


def file_words(error: OSError, language: Language) -> str:
    """Return why a file cannot be read or written, for whoever named it."""
    return translator(language)(file_sentence(error)).format(number=error.errno)


def furnish() -> None:
    """Let argparse speak the language of the environment; to be called before it is used."""
    # Here, because what runs idle on a device reads this module, and has no need of argparse.
    from bedside.language.places import name_places

    gettext.bindtextdomain("bedside", CATALOGUES)
    gettext.textdomain("bedside")
    name_places()
