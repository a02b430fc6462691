"""A site at its desk: files in one folder, and the commands as a person types them."""

import io
import json
from pathlib import Path

import pytest

from bedside.site.cli import main
from bedside.testing.passkey import Passkey

JULIE = Passkey("p9", "Julie Gagnon", rp_id="console.example", origin="https://console.example")
AHMED = Passkey("p10", "Ahmed Diallo", rp_id="console.example", origin="https://console.example")


class Office:
    """The hospital's own computer."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self._patch = patch
        self._capture = capture
        self.out = self.err = ""
        patch.chdir(folder)
        self.speaks("C")

    def speaks(self, locale: str) -> None:
        self._patch.setenv("LC_ALL", locale)

    def run(self, *words: str, typed: str = "") -> int:
        """Run a command, a person typing what it asks for; keeps what it said."""
        self._patch.setattr("sys.stdin", io.StringIO(typed))
        status = main(list(words))
        said = self._capture.readouterr()
        self.out, self.err = said.out, said.err
        return status

    def begin(self) -> None:
        """Make a key, and a first policy to edit."""
        assert self.run("key", "new", "site.key") == 0
        place = ("--site", "hnd", "--timezone", "America/Toronto")
        assert self.run("policy", "new", "policy.toml", *place) == 0

    def sign(self, *options: str, typed: str = "yes\n") -> int:
        command = ("policy", "sign", "policy.toml", "--key", "site.key", "-o", "policy.signed")
        return self.run(*command, *options, typed=typed)

    def edit(self, before: str, after: str) -> None:
        path = self.folder / "policy.toml"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    def export(self, *passkeys: Passkey, site: str = "hnd", **more: object) -> str:
        """What the portal gives for a person."""
        found = [{"passkey": "my phone", **each.approver.to_dict(), **more} for each in passkeys]
        told = {"site": site, "approvers": found}
        (self.folder / "approver.json").write_text(json.dumps(told))
        return "approver.json"
