"""`bedside site ...`: what the hospital's own IT does on its own computer, without any server."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from bedside.language import N_, Language, parse_language
from bedside.language.furniture import file_words
from bedside.site.commands import Desk
from bedside.site.errors import SiteError
from bedside.site.say import say, shown_name

__all__ = ["main"]

_REFUSED = 4
_UNUSABLE = 2


def main(argv: list[str]) -> int:
    """Run one command; returns 0, 1 (the person said no), 2 (no such file) or 4 (refused)."""
    language = _language()
    given = _parser(language).parse_args(argv)
    run: Callable[[Desk, argparse.Namespace], int] = given.run
    try:
        return run(Desk(language), given)
    except SiteError as error:
        print(f"bedside site: {say(language, error.text, **error.fields)}", file=sys.stderr)
        return _REFUSED
    except OSError as error:
        why = file_words(error, language)
        print(f"bedside site: {shown_name(error.filename)}: {why}", file=sys.stderr)
        return _UNUSABLE


def _language() -> Language:
    environment = os.environ  # noqa: TID251 - read here for all of the site's commands
    return parse_language(
        environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG", "")
    )


def _parser(language: Language) -> argparse.ArgumentParser:
    def tell(text: str) -> str:
        return say(language, text)

    parser = argparse.ArgumentParser(
        prog="bedside site", description=tell(N_("What the hospital says of its own devices."))
    )
    words = parser.add_subparsers(dest="word", required=True, metavar=tell(N_("WORD")))
    for name, help_, add in (
        ("key", N_("the site's own key"), _key),
        ("policy", N_("what the site allows on its devices"), _policy),
        ("approver", N_("who may approve for the site"), _approver),
    ):
        below = words.add_parser(name, help=tell(help_))
        add(below.add_subparsers(dest="act", required=True, metavar=tell(N_("WORD"))), tell)
    return parser


Acts: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Tell = Callable[[str], str]


def _key(acts: Acts, tell: Tell) -> None:
    new = acts.add_parser("new", help=tell(N_("make the site's key")))
    new.add_argument("file", type=Path, help=tell(N_("where the private key is kept")))
    new.add_argument(
        "--passphrase", action="store_true", help=tell(N_("protect it by a passphrase"))
    )
    new.set_defaults(run=Desk.new_key)
    show = acts.add_parser("show", help=tell(N_("say a public key's words")))
    show.add_argument("file", type=Path, help=tell(N_("the public key")))
    show.set_defaults(run=Desk.show_key)
    over = acts.add_parser(
        "hand-over", help=tell(N_("say by the old key that another one follows"))
    )
    over.add_argument("file", type=Path, help=tell(N_("the new public key")))
    over.add_argument("--site", required=True, help=tell(N_("the site's id")))
    _key_and_out(over, tell)
    over.set_defaults(run=Desk.hand_over)


def _policy(acts: Acts, tell: Tell) -> None:
    new = acts.add_parser("new", help=tell(N_("write a first policy to edit")))
    new.add_argument("file", type=Path, help=tell(N_("where it is written")))
    new.add_argument("--site", required=True, help=tell(N_("the site's id")))
    new.add_argument("--timezone", required=True, help=tell(N_("its clock: America/Toronto")))
    new.set_defaults(run=Desk.new_policy)
    sign = acts.add_parser("sign", help=tell(N_("check a policy, show its changes, sign it")))
    sign.add_argument("file", type=Path, help=tell(N_("the policy in TOML")))
    _key_and_out(sign, tell)
    sign.add_argument("--last", type=Path, help=tell(N_("the last one signed, if it is elsewhere")))
    sign.add_argument("--serial", type=int, help=tell(N_("its number, if not the next one")))
    sign.add_argument("--yes", action="store_true", help=tell(N_("sign without asking")))
    sign.set_defaults(run=Desk.sign_policy)
    show = acts.add_parser("show", help=tell(N_("verify a signed policy and say it in words")))
    show.add_argument("file", type=Path, help=tell(N_("the signed policy")))
    show.add_argument("--key-pub", type=Path, required=True, help=tell(N_("the public key")))
    show.set_defaults(run=Desk.show_policy)


def _approver(acts: Acts, tell: Tell) -> None:
    add = acts.add_parser("add", help=tell(N_("add a person to a policy")))
    add.add_argument("file", type=Path, help=tell(N_("the policy in TOML")))
    add.add_argument("export", type=Path, help=tell(N_("the file that the portal exported")))
    add.add_argument("--yes", action="store_true", help=tell(N_("the words were compared before")))
    add.set_defaults(run=Desk.add_approver)


def _key_and_out(parser: argparse.ArgumentParser, tell: Tell) -> None:
    parser.add_argument("--key", type=Path, required=True, help=tell(N_("the site's private key")))
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help=tell(N_("where the signed file goes"))
    )
