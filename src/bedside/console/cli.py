"""`bedside console WORD`: every word is a Django command; `manage` passes anything through."""

import os
import sys

__all__ = ["main"]

_USAGE = """usage: bedside console [--config FILE] WORD ...

words:
  apply FILE              organisations, sites, people, devices, rights of a TOML file (repeatable)
  add-relay ...           make a relay known, with its certificate
  check                   check the installation before it serves
  create-administrator    the first administrator; the password is asked for or read from stdin
  import-profile FILE...  product profiles
  init                    keys, database, first journal entry
  journal verify|export   prove the journal, or copy it out
  live                    serve relays and event streams
  offer-enrolment DEVICE  the device's signed bundle, and its one-time code
  migrate                 bring the database to this version
  openapi                 print the REST API's description
  review EMAIL            a person's rights are still needed; opens a closed account
  set-password EMAIL      a new password for a person, read from stdin or asked for
  unlock EMAIL            let a locked account sign in again
  web                     serve pages and the REST API
  worker                  seal the journal, end what is due
  manage ...              any of Django's own commands
"""


def main(argv: list[str]) -> int:
    """Run one word of the console and return its exit code (2: usage, 1: refused)."""
    from bedside.console.project.config import CONFIG_VARIABLE, ConfigError

    arguments = list(argv)
    if len(arguments) >= 2 and arguments[0] == "--config":
        os.environ[CONFIG_VARIABLE] = arguments[1]  # noqa: TID251 - Django reads settings by name
        arguments = arguments[2:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE, end="")
        return 0 if arguments else 2
    word, rest = arguments[0], arguments[1:]
    if word != "manage" and not os.environ.get(CONFIG_VARIABLE):  # noqa: TID251 - as above
        print(f"bedside console: name a configuration: --config FILE or {CONFIG_VARIABLE}")
        return 2
    try:
        return _run(rest if word == "manage" else [word.replace("-", "_"), *rest])
    except ConfigError as error:
        print(f"bedside console: {error}", file=sys.stderr)
        return 2


def _run(command: list[str]) -> int:
    from django.core.management import ManagementUtility

    os.environ["DJANGO_SETTINGS_MODULE"] = "bedside.console.project.settings"  # noqa: TID251
    try:
        ManagementUtility(["bedside console", *command]).execute()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
