"""`bedside agent site ...`: what the hospital's own person does at the device, as root.

Whose policies the device takes is decided here and nowhere else: no console can say it. Root works
as the worker's user (`raised`), and is root again for the person's files and for the key alone.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bedside.agent.config import AgentConfig
from bedside.agent.identity import load_identity, load_settings
from bedside.agent.ledger import Ledger
from bedside.agent.raised import raised
from bedside.agent.site.book import SiteBook, SitePolicyError
from bedside.agent.site.entries import (
    write_policy_applied,
    write_policy_refused,
    write_trust,
    write_trust_refused,
)
from bedside.agent.site.state import SiteFiles, SiteTrust
from bedside.agent.site.trust import TrustRefusedError, check_replacement
from bedside.agent.status import ask_status
from bedside.agent.words import say
from bedside.language import N_, Language, gate_advice, gate_sentence
from bedside.pki.fingerprints import fingerprint_words, same_words
from bedside.pki.signing import PublicKey, load_public_key, public_key_pem
from bedside.protocol.errors import ProtocolError
from bedside.protocol.fields import check_text
from bedside.protocol.shapes import Site
from bedside.site.words import policy_lines

__all__ = ["SiteDesk"]

_MAX_FILE = 64 * 1024
_REFUSED = 4
_SAID_NO = 1
_MAX_NAME = 120


class SiteDesk:
    """The commands on one device; each returns the exit status.

    Raises NotEnrolledError or ValueError where the device has no identity; each command raises JournalError where
    the journal cannot be written.
    """

    def __init__(self, config: AgentConfig, language: Language) -> None:
        self._config = config
        self._language = language
        self._files = SiteFiles(config)
        self._book = SiteBook(self._files)
        self._identity = load_identity(config.identity_dir)

    # ---- trust ----

    def trust(self, given: argparse.Namespace) -> int:
        """Take the site's policies from this key from now on, once a person compared its words."""
        try:
            key = load_public_key(_read(given.file).decode())
        except ValueError:
            self._complain(N_("{file} is not a public key"), file=given.file)
            return _REFUSED
        site = self._site()
        new = SiteTrust(site=site.id, public_key=public_key_pem(key))
        if self._applies(new):
            self._print(N_("This key is trusted already."))
            return 0
        statement = None if given.statement is None else _read(given.statement)
        try:
            floor = check_replacement(self._files, new, statement, replace=given.replace)
        except TrustRefusedError as error:
            self._write(lambda ledger: write_trust_refused(ledger, new))
            self._complain(error.text)
            return _REFUSED
        if not self._compared(key, site, given.fingerprint):
            return _SAID_NO
        return self._keep(new, floor, given.name or self._ask(N_("Your name: ")))

    def _applies(self, new: SiteTrust) -> bool:
        try:
            return self._files.trust() == new and self._files.floor() is not None
        except (ValueError, ProtocolError):
            return False

    def _compared(self, key: PublicKey, site: Site, fingerprint: str | None) -> bool:
        words = fingerprint_words(key)
        self._print(N_("This device: {device}. Its site: {name} ({site})."),
                    device=self._identity.device, name=site.name, site=site.id)  # fmt: skip
        self._print(N_("The key's words:"))
        print(f"  {words}")
        if fingerprint is None:
            question = N_("Are these the words that the site's own IT gave you? Type {yes}: ")
            yes = say(self._language, N_("yes"))
            return self._ask(question, yes=yes).lower() == yes
        if same_words(fingerprint, words):
            return True
        self._complain(N_("These are not the words that you gave: nothing was changed."))
        return False

    def _keep(self, new: SiteTrust, floor: int, name: str) -> int:
        try:
            name = check_text(name.strip().encode().decode(), "name", max=_MAX_NAME)
        except (ProtocolError, UnicodeEncodeError):
            self._complain(N_("The journal needs the name of who does this."))
            return _SAID_NO
        before = self._before()
        self._write(
            lambda ledger: self._book.trust(
                new,
                floor,
                lambda: write_trust(ledger, new, before=before, name=name),
            )
        )
        self._print(N_("This device takes its site's policy from this key only."))
        if self._book.say().policy is None:
            self._print(N_("Install the policy now: until then nobody comes in."))
        self._tell_agent()
        return 0

    def _before(self) -> SiteTrust | None:
        try:
            return self._files.trust()
        except (ValueError, ProtocolError):
            return None

    def _site(self) -> Site:
        return load_settings(self._config.state_dir / "configuration.json", self._identity).site

    # ---- policy ----

    def install(self, given: argparse.Namespace) -> int:
        """Apply a signed policy that somebody brought."""
        envelope = _read(given.file)
        refused: list[SitePolicyError] = []

        def adopt(ledger: Ledger) -> None:
            try:
                self._book.adopt(
                    envelope, lambda policy: write_policy_applied(ledger, policy, source="device")
                )
            except SitePolicyError as error:
                refused.append(error)
                write_policy_refused(ledger, error.gate, code=error.code, source="device")

        self._write(adopt)
        self._tell_agent()
        if refused:
            self._complain_gate(refused[0])
            return _REFUSED
        self._print(N_("The site's policy no. {number} applies."), number=self._book.say().serial)
        return 0

    def show(self, _given: argparse.Namespace) -> int:
        """Say whose policies this device takes, and what applies now."""
        site = self._book.say()
        trust = self._before()
        if trust is not None:
            words = fingerprint_words(load_public_key(trust.public_key))
            text = N_("The policies of the site {site} are taken from the key: {words}")
            self._print(text, site=trust.site, words=words)
        if site.fault is not None:
            print(
                gate_sentence(site.fault, self._language), gate_advice(site.fault, self._language)
            )
            self._print(N_("Nobody comes in until a policy applies."))
            return _REFUSED
        if site.policy is None:
            device = self._site()
            text = N_("The site has put no key of its own here: everything is asked here.")
            self._print(text)
            self._print(N_("Site: {name} ({site})."), name=device.name, site=device.id)
            return 0
        print("\n".join(policy_lines(site.policy, self._language)))
        return 0

    # ---- with the person ----

    def _write(self, act: Callable[[Ledger], None]) -> None:
        """Do `act` with the journal open; raises JournalError where it cannot be written."""
        ledger = Ledger(self._config.journal_dir, self._identity.device)
        try:
            act(ledger)
        finally:
            ledger.close()

    def _tell_agent(self) -> None:
        """Say hello: the agent looks at its journal, and its panels are shown what changed."""
        with raised():
            ask_status(self._config.panel_socket, self._language)

    def _print(self, text: str, **fields: object) -> None:
        print(say(self._language, text, **fields))

    def _complain(self, text: str, **fields: object) -> None:
        print(say(self._language, text, **fields), file=sys.stderr)

    def _complain_gate(self, error: SitePolicyError) -> None:
        language = self._language
        print(
            gate_sentence(error.gate, language), gate_advice(error.gate, language), file=sys.stderr
        )

    def _ask(self, text: str, **fields: object) -> str:
        print(say(self._language, text, **fields), end="", flush=True)
        return sys.stdin.readline().strip()


def _read(path: Path) -> bytes:
    # It is the person's own file, and root is who they are here.
    with raised(), path.open("rb") as file:
        return file.read(_MAX_FILE + 1)
