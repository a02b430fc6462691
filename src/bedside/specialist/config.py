"""Where the specialist's command line keeps what, and in which language it speaks.

The only module of this program that reads the environment.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from bedside.language import Language, spoken_language

__all__ = ["SpecialistConfig"]


@dataclass(frozen=True)
class SpecialistConfig:
    """What holds for one run of the command line.

    Attributes:
        config: who is logged in where (`login.json`), whose keys are taken (`trust.json`), and the
            written `ssh_config`.
        state: one folder for each session, with its one-session key.
        ssh_folder: the person's own `~/.ssh`.
        language: the language of every sentence.
    """

    config: Path
    state: Path
    ssh_folder: Path
    language: Language

    @classmethod
    def from_environment(cls) -> "SpecialistConfig":
        """Read XDG folders and the locale; `BEDSIDE_HOME` puts everything in one folder."""
        home = Path.home()
        given = os.environ  # noqa: TID251 - this is the config module
        if together := given.get("BEDSIDE_HOME"):
            config, state = Path(together) / "config", Path(together) / "state"
            ssh_folder = Path(together) / "ssh"
        else:
            config = Path(given.get("XDG_CONFIG_HOME") or home / ".config") / "bedside"
            state = Path(given.get("XDG_STATE_HOME") or home / ".local/state") / "bedside"
            ssh_folder = home / ".ssh"
        return cls(config, state, ssh_folder, spoken_language(given))

    @property
    def login(self) -> Path:
        """The console's address and the access token."""
        return self.config / "login.json"

    @property
    def trust(self) -> Path:
        """The fingerprints of the keys that this computer takes; it survives a logout."""
        return self.config / "trust.json"

    @property
    def sessions(self) -> Path:
        """The folders of the sessions."""
        return self.state / "sessions"

    @property
    def ssh_config(self) -> Path:
        """What OpenSSH includes."""
        return self.config / "ssh_config"
