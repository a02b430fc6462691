"""The simulated injector as a machine: its folders, its program, its agent's configuration."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from bedside.demo.injector import physics
from bedside.demo.injector.store import Store
from bedside.demo.session_user import can_run, new_session_user

__all__ = ["InjectorDevice"]

_PRODUCT_ROOT = "/opt/injector"
_DIAGNOSTICS_PORT = 8104


class InjectorDevice:
    """One device in one folder, as if the folder were its disk.

    Args:
        folder: the device's disk.
        diagnostics_port: where its diagnostics page is, on the loopback.
        language: the language of its own menu.
    """

    def __init__(self, folder: Path, *, diagnostics_port: int, language: str = "fr") -> None:
        self.folder = folder
        self._port = diagnostics_port
        self._language = language

    @property
    def root(self) -> Path:
        """Where the product's program is."""
        return self.folder / "opt" / "injector"

    @property
    def state(self) -> Path:
        """The injector's state, its logs and its settings."""
        return self.root / "state"

    @property
    def inbox(self) -> Path:
        """Where files from a specialist arrive."""
        return self.root / "inbox"

    @property
    def agent_state(self) -> Path:
        """The agent's own folder: identity, journal."""
        return self.folder / "agent"

    @property
    def journal(self) -> Path:
        """The device's journal."""
        return self.agent_state / "journal" / "journal.jsonl"

    @property
    def panel_socket(self) -> Path:
        """Where panels connect."""
        return self.folder / "run" / "panel.sock"

    @property
    def config(self) -> Path:
        """The agent's configuration."""
        return self.folder / "agent.toml"

    @property
    def manufacturer(self) -> Path:
        """The manufacturer's public key, as it would be in the device's image."""
        return self.folder / "manufacturer.pem"

    @property
    def store(self) -> Store:
        """The injector's state, for whoever plays with it."""
        return Store(self.state)

    def place(self, text: str) -> str:
        """Return a product profile's text with this device's places instead of a real one's."""
        placed = text.replace(_PRODUCT_ROOT, str(self.root))
        return placed.replace(f"port = {_DIAGNOSTICS_PORT}", f"port = {self._port}")

    def command(self, *words: str) -> list[str]:
        """Return the injector's own command."""
        return [str(self.root / "bin" / "injector"), *words]

    def prepare(self, profile: Path) -> bool:
        """Lay out the disk: program, state with a fault to find, agent's configuration.

        Returns whether sessions have a user of their own here.
        """
        program = self.root / "bin" / "injector"
        program.parent.mkdir(parents=True, exist_ok=True)
        self.inbox.mkdir(parents=True, exist_ok=True)
        run = shlex.join(
            [sys.executable, "-m", "bedside.demo.injector", "--state", str(self.state)]
        )
        program.write_text(f'#!/bin/sh\nexec {run} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        self.store.prepare(language=self._language)
        shutil.copy(profile, self.folder / "profile.toml")
        (self.folder / "machine-id").write_text(f"{self.folder}\n", encoding="utf-8")
        user = self._find_session_user()
        self.config.write_text(
            'state_dir = "agent"\nrun_dir = "run"\nprofile = "profile.toml"\n'
            'manufacturer_key = "manufacturer.pem"\nhardware_files = ["machine-id"]\n'
            + ("" if user is None else f"session_user = {user}\n"),
            encoding="utf-8",
        )
        return user is not None

    def _find_session_user(self) -> int | None:
        """Return as whom sessions run here from now on; None where it is the agent's own user."""
        kept = self.folder / "session-user"
        user = int(kept.read_text()) if kept.exists() else new_session_user()
        if not can_run(self.command("safe-state"), user):
            return None
        kept.write_text(str(user))
        self.share_with(user)
        return user

    def share_with(self, user: int) -> None:
        """Let service as `user` change the injector's state, and read what arrived in the inbox."""
        (self.state / ".lock").touch()
        for path in (self.state, *self.state.iterdir()):
            os.chown(path, -1, user)
            path.chmod(0o2775 if path.is_dir() else 0o664)
        os.chown(self.inbox, -1, user)
        self.inbox.chmod(0o2750)

    def guard(self, agent: Sequence[str]) -> str:
        """Return the shell line that keeps the agent running, as a service manager does.

        Told to end, it ends once the agent has.
        """
        end = "kill $! 2>/dev/null; wait $!; exit"
        return f"trap '{end}' TERM; while :; do {shlex.join(agent)} & wait $!; sleep 0.2; done"

    def break_down(self) -> None:
        """Cut its power: the injector comes back with the fault that its menu can clear."""
        self.store.change(lambda now: physics.step(physics.power_cut(now), 0.1))
        self.store.log("POWER lost and restored; FAULT E12 pressure out of range at zero flow")
