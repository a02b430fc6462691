"""`bedside console WORD`: every word is a Django command; `manage` passes anything through."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from bedside.language import N_, Language, spoken_language, translator
from bedside.language.config_error import ConfigError

__all__ = ["WORDS", "main"]

WORDS = (
    ("apply FILE", N_("organisations, people, devices, rights of a TOML file (repeatable)")),
    ("add-relay ...", N_("make a relay known, with its certificate")),
    ("backup FILE", N_("one sealed file to bring the console back from, while it runs")),
    ("check", N_("check the installation before it serves")),
    ("create-administrator", N_("the first administrator; asks for the password, or reads it")),
    ("import-profile FILE...", N_("product profiles")),
    ("init", N_("keys, database, first journal entry")),
    ("journal verify|export", N_("prove the journal, or copy it out")),
    ("live", N_("serve relays and event streams")),
    ("offer-enrolment DEVICE", N_("the device's signed bundle, and its one-time code")),
    ("migrate", N_("bring the database to this version")),
    ("openapi", N_("print the REST API's description")),
    ("renew-relay NAME ...", N_("the next certificate of a relay, over its own key")),
    ("reset-factors EMAIL", N_("a person lost the second factors; sends the link to new ones")),
    ("restore FILE", N_("bring the console back from a backup")),
    ("retire-relay NAME", N_("take a relay out of service for good")),
    ("review EMAIL", N_("a person's rights are still needed; opens a closed account")),
    ("set-password EMAIL", N_("a new password for a person; asks for it, or reads it")),
    ("status [--json]", N_("how everything is; exit 1 where something needs a person")),
    ("unlock EMAIL", N_("let a locked account sign in again")),
    ("web", N_("serve pages and the REST API")),
    ("worker", N_("seal the journal, end what is due")),
    ("manage ...", N_("any of Django's own commands")),
)
"""Each word of the console with what it takes, and what it does."""

_CATALOGUES = Path(__file__).parent / "project" / "locale"


def main(argv: list[str]) -> int:
    """Run one word of the console and return its exit code (2: usage, 1: refused)."""
    from bedside.console.project.config import CONFIG_VARIABLE
    from bedside.console.project.installed import INSTALLED_CONFIG

    arguments = list(argv)
    language = spoken_language(os.environ)  # noqa: TID251 - who types
    say = translator(language, "django", _CATALOGUES)
    if len(arguments) >= 2 and arguments[0] == "--config":
        os.environ[CONFIG_VARIABLE] = arguments[1]  # noqa: TID251 - Django reads settings by name
        arguments = arguments[2:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage(language))
        return 0 if arguments else 2
    word, rest = arguments[0], arguments[1:]
    if INSTALLED_CONFIG.exists():
        os.environ.setdefault(CONFIG_VARIABLE, str(INSTALLED_CONFIG))  # noqa: TID251 - as above
    if word != "manage" and not os.environ.get(CONFIG_VARIABLE):  # noqa: TID251 - as above
        words = say(N_("name a configuration: --config FILE or {variable}"))
        print(f"bedside console: {words.format(variable=CONFIG_VARIABLE)}")
        return 2
    os.environ["DJANGO_SETTINGS_MODULE"] = "bedside.console.project.settings"  # noqa: TID251
    try:
        _settle()
        return _manage(rest) if word == "manage" else _run(word, rest, language)
    except ConfigError as error:
        print(f"bedside console: {error.say(language)}", file=sys.stderr)
        return 2


def _settle() -> None:
    """Give whoever types what the services have: their database, and their user instead of root."""
    from bedside.console.project.config import DATABASE_VARIABLE, config_file, load_config
    from bedside.console.project.installed import become_owner, variable_beside

    path, given = config_file(), os.environ  # noqa: TID251 - as above
    if path is None:
        return
    if DATABASE_VARIABLE not in given and (address := variable_beside(path, DATABASE_VARIABLE)):
        given[DATABASE_VARIABLE] = address
    become_owner(load_config().data_dir)


def _usage(language: Language) -> str:
    say, place = translator(language, "django", _CATALOGUES), translator(language)
    words = [
        (re.sub("[A-Z]{2,}", lambda found: place(found[0]), word), say(meaning))
        for word, meaning in WORDS
    ]
    width = max(len(word) for word, _ in words)
    lines = [f"  {word:<{width}}  {meaning}" for word, meaning in words]
    usage = say(N_("usage: bedside console [--config FILE] WORD ..."))
    return "\n".join([usage, "", say(N_("words:")), *lines])


def _run(word: str, rest: list[str], language: Language) -> int:
    import django
    from django.core.management import get_commands, load_command_class

    django.setup()
    from bedside.console.commands import run_command

    name = word.replace("-", "_")
    commands = get_commands()
    if name not in commands:
        say = translator(language, "django", _CATALOGUES)
        print(say(N_("There is no word {word}.")).format(word=word), file=sys.stderr)
        print(_usage(language), file=sys.stderr)
        return 2
    command = load_command_class(commands[name], name)
    return _exit_code(lambda: run_command(command, word, rest))


def _manage(command: list[str]) -> int:
    from django.core.management import ManagementUtility

    def run() -> int:
        ManagementUtility(["bedside console", *command]).execute()
        return 0

    return _exit_code(run)


def _exit_code(run: Callable[[], int]) -> int:
    try:
        return run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
