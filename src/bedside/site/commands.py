"""What each `bedside site` command does; every act shows first what a person must compare."""

import argparse
import getpass
import json
import sys
import time
from pathlib import Path

from bedside.language import N_, Language
from bedside.pki.fingerprints import fingerprint_words
from bedside.protocol.codec import Fields, parse_json
from bedside.protocol.errors import ProtocolError
from bedside.protocol.site import MAX_APPROVERS, Approver, SitePolicy
from bedside.site.changes import change_lines
from bedside.site.draft import MAX_DRAFT, check_site, load_approver, parse_draft
from bedside.site.errors import SiteError
from bedside.site.keys import (
    check_passphrase,
    load_signing_key,
    load_site_key,
    make_site_key,
    public_file,
)
from bedside.site.say import say
from bedside.site.signing import hand_over, next_policy, open_signed, sign_policy
from bedside.site.template import template
from bedside.site.words import approver_words, policy_lines

__all__ = ["Desk"]

_SAID_NO = 1


class Desk:
    """The commands, for a person who reads `language`; each returns the exit status."""

    def __init__(self, language: Language) -> None:
        self._language = language

    # ---- keys ----

    def new_key(self, given: argparse.Namespace) -> int:
        """Make a key, and say its words."""
        passphrase = self._new_passphrase() if given.passphrase else None
        key = make_site_key(given.file, passphrase)
        self._print(
            N_("The site's key is in {file}. Keep it where your secrets are."), file=given.file
        )
        self._print(
            N_("Its public half, for your devices, is in {file}."), file=public_file(given.file)
        )
        self._print(N_("Its words, to be compared at each device:"))
        print(f"  {fingerprint_words(key)}")
        return 0

    def show_key(self, given: argparse.Namespace) -> int:
        """Say a public key's words."""
        print(fingerprint_words(load_site_key(given.file)))
        return 0

    def hand_over(self, given: argparse.Namespace) -> int:
        """Sign with the old key that another one follows."""
        following = load_site_key(given.file)
        signer, old = load_signing_key(given.key, self._passphrase)
        given.output.write_bytes(hand_over(check_site(given.site), following, signer, _now_ms()))
        self._print(N_("The key of the site {site}:"), site=given.site)
        print(f"  {fingerprint_words(old)}")
        self._print(N_("It says that this one follows it:"))
        print(f"  {fingerprint_words(following)}")
        return 0

    # ---- policies ----

    def new_policy(self, given: argparse.Namespace) -> int:
        """Write a first policy to edit; a file that is there is not replaced."""
        text = template(check_site(given.site), given.timezone, self._language)
        parse_draft(text.encode())
        with given.file.open("x", encoding="utf-8") as file:
            file.write(text)
        self._print(N_("Edit {file}, then sign it: bedside site policy sign"), file=given.file)
        return 0

    def sign_policy(self, given: argparse.Namespace) -> int:
        """Check, show what changes, ask, sign."""
        draft = parse_draft(_read(given.file))
        signer, public = load_signing_key(given.key, self._passphrase)
        path = given.last or given.output
        last = open_signed(_read(path), public) if given.last or path.exists() else None
        policy = next_policy(draft, last, _now_ms(), serial=given.serial)
        self._show(policy)
        print("\n".join(["", *change_lines(last, policy, self._language), ""]))
        if not (given.yes or self._agrees(N_("Sign this?"))):
            return self._nothing_done(N_("Nothing is signed."))
        signed = sign_policy(policy, signer)
        beside = given.output.with_name(f".{given.output.name}.new")
        beside.write_bytes(signed.envelope)
        beside.replace(given.output)
        text = N_("Policy no. {serial} is signed: {file}")
        self._print(text, serial=policy.serial, file=given.output)
        return 0

    def show_policy(self, given: argparse.Namespace) -> int:
        """Verify a signed policy and say it in words."""
        key = load_site_key(given.key_pub)
        policy = open_signed(_read(given.file), key)
        self._show(policy)
        self._print(N_("Signed by the key: {words}"), words=fingerprint_words(key))
        return 0

    # ---- approvers ----

    def add_approver(self, given: argparse.Namespace) -> int:
        """Add a person from the portal's export, once their words were compared with them."""
        data = _read(given.file)
        draft = parse_draft(data)
        text = data.decode()
        known = {each.credential for each in draft.approvers}
        found = _read_export(given.export, site=draft.site)
        new = [each for each in found if each.credential not in known]
        if not new:
            raise SiteError(N_("{file} holds nobody who is not in the policy"), file=given.export)
        longer = "\n\n".join([text.rstrip(), *map(_table, new)]) + "\n"
        parse_draft(longer.encode())
        for approver in new:
            print(approver_words(approver, self._language))
            question = N_("Did {name} read you the same words, from their own screen?")
            if not (given.yes or self._agrees(question, name=approver.name)):
                return self._nothing_done(
                    N_("Nobody is added: {file} stays as it was."), given.file
                )
        given.file.write_text(longer, encoding="utf-8")
        for approver in new:
            text = N_("{name} is in {file}. Sign the policy.")
            self._print(text, name=approver.name, file=given.file)
        return 0

    # ---- with the person ----

    def _show(self, policy: SitePolicy) -> None:
        print("\n".join(policy_lines(policy, self._language)))

    def _print(self, text: str, **fields: object) -> None:
        print(say(self._language, text, **fields))

    def _nothing_done(self, text: str, file: Path | None = None) -> int:
        self._print(text, file=file)
        return _SAID_NO

    def _agrees(self, text: str, **fields: object) -> bool:
        yes = say(self._language, N_("yes"))
        question = say(self._language, text, **fields)
        hint = say(self._language, N_("Type {yes} to go on:"), yes=yes)
        print(f"{question} {hint} ", end="", flush=True)
        return sys.stdin.readline().strip().lower() == yes

    def _passphrase(self) -> str:
        prompt = say(self._language, N_("Passphrase: "))
        return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")

    def _new_passphrase(self) -> str:
        first, again = self._passphrase(), self._passphrase()
        if first != again:
            raise SiteError(N_("the two are not the same"))
        check_passphrase(first)
        if len(first) < 10:
            raise SiteError(N_("a passphrase needs at least ten characters"))
        return first


def _read_export(path: Path, *, site: str) -> list[Approver]:
    """Return the passkeys of one person, as the portal exports them for this site."""
    try:
        fields = Fields(parse_json(_read(path), limit=MAX_DRAFT))
        named = fields.text("site", max=64)
        found = []
        for each in fields.objects("approvers", min=1, max=MAX_APPROVERS):
            each.text("passkey", max=200)  # what the person calls it: nothing hangs on it
            found.append(load_approver(each))
        fields.end()
    except ProtocolError as error:
        text = N_("{file} is no approver of the portal: {why}")
        raise SiteError(text, file=path, why=error) from None
    if named != site:
        text = N_("{file} is of the site {other}, the policy of {site}")
        raise SiteError(text, file=path, other=named, site=site)
    return found


def _table(approver: Approver) -> str:
    # TOML's basic strings are written as JSON's are.
    lines = [f"{name} = {json.dumps(value)}" for name, value in approver.to_dict().items()]
    return "\n".join(["[[approvers]]", *lines])


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_DRAFT + 1)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
