"""What the command line keeps: the login, and a folder for each session. All of it 0600.

Session ids come from the console and become folder names only after the vocabulary's parser.
"""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.vocabulary import SessionId, parse_session_id

__all__ = [
    "Login",
    "SessionFolder",
    "folders_of",
    "forget_login",
    "load_login",
    "newest_folder",
    "save_login",
    "session_folders",
    "write_private",
]


def write_private(path: Path, data: bytes) -> None:
    """Put `data` in a file of mode 0600, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Of nobody else, this process's other threads and a killed one among them.
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as writable:
        writable.write(data)
    fresh.replace(path)


@dataclass(frozen=True)
class Login:
    """Where this person is logged in.

    Attributes:
        console: the console's address, `https://console.example`.
        token: the access token; it goes into no log and no URL.
        ca: a file with the CA of the console's certificate, or None for the system's.
    """

    console: str
    token: str
    ca: str | None = None


def load_login(path: Path) -> Login | None:
    """Return the saved login, or None where there is none that can be read."""
    try:
        return Login(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def save_login(path: Path, login: Login) -> None:
    """Keep `login` for the next command, readable by this person only."""
    write_private(path, json.dumps(vars(login)).encode())


def forget_login(path: Path) -> None:
    """Remove the saved login."""
    path.unlink(missing_ok=True)


class SessionFolder:
    """One session on this computer: its key, what the console gave for it, proofs used."""

    def __init__(self, sessions: Path, session: str) -> None:
        self.session: SessionId = parse_session_id(session)
        self.path = sessions / self.session

    @property
    def key(self) -> Path:
        """The one-session private key, for `ssh` and for the tunnel."""
        return self.path / "key"

    @property
    def ssh_certificate(self) -> Path:
        """The user certificate, where OpenSSH looks for it."""
        return self.path / "key-cert.pub"

    @property
    def known_hosts(self) -> Path:
        """The device's own key, and nothing else."""
        return self.path / "known_hosts"

    @property
    def client_certificate(self) -> Path:
        """The certificate for the relay."""
        return self.path / "client.pem"

    @property
    def ca(self) -> Path:
        """The manufacturer's CA."""
        return self.path / "ca.pem"

    @property
    def is_there(self) -> bool:
        """Whether the session is known here, and was not forgotten."""
        return (self.path / "session.json").exists()

    @property
    def is_connected(self) -> bool:
        """Whether the console has given what it takes to connect."""
        return (self.path / "connection.json").exists()

    def write(self, name: str, data: bytes) -> None:
        """Write one file of the folder, 0600."""
        write_private(self.path / name, data)

    def connection(self) -> dict[str, Any]:
        """Return what the console gave to connect; raises FileNotFoundError before that."""
        read: dict[str, Any] = json.loads((self.path / "connection.json").read_bytes())
        return read

    def description(self) -> dict[str, Any]:
        """Return device, access and mode of the session."""
        read: dict[str, Any] = json.loads((self.path / "session.json").read_bytes())
        return read

    @contextmanager
    def _locked(self) -> Iterator[Path]:
        handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield self.path / "proofs-used"
        finally:
            os.close(handle)

    def take_proof_index(self) -> int:
        """Return the next unused proof's index; two `ssh` at once never get the same."""
        with self._locked() as counter:
            used = int(counter.read_text()) if counter.exists() else 0
            write_private(counter, str(used + 1).encode())
        return used

    def remove(self) -> None:
        """Remove the session's key and all else of it."""
        shutil.rmtree(self.path, ignore_errors=True)


def session_folders(sessions: Path) -> list[SessionFolder]:
    """Return the sessions known on this computer, oldest first."""
    found = []
    for entry in sorted(sessions.iterdir()) if sessions.is_dir() else []:
        try:
            folder = SessionFolder(sessions, entry.name)
        except ValueError:
            continue
        if folder.is_there:
            found.append(folder)
    return found


def folders_of(sessions: Path, device: str) -> list[SessionFolder]:
    """Return the sessions for `device` on this computer, oldest first."""
    return [
        folder
        for folder in session_folders(sessions)
        if folder.description()["device"] == device.upper()
    ]


def newest_folder(sessions: Path, device: str) -> SessionFolder | None:
    """Return the newest session for `device` on this computer, None where there is none."""
    found = folders_of(sessions, device)
    return found[-1] if found else None
