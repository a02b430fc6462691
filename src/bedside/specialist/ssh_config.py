"""The OpenSSH client configuration for the sessions on this computer.

After it `ssh`, `scp`, `sftp`, `rsync` and editors that use `ProxyCommand` work unchanged: a host
is a device's id in lower case. One connection is shared (`ControlMaster`), so the second
authentication is answered once.
"""

import shlex
import sys
from pathlib import Path

from bedside.specialist.config import SpecialistConfig
from bedside.specialist.store import (
    SessionFolder,
    newest_folder,
    session_folders,
    write_private,
)

__all__ = ["host_of", "include_line", "install", "is_shared", "render", "write"]

KEEP_S = 120
"""How long the shared connection outlives the last command (seconds)."""


def host_of(device: str) -> str:
    """Return the name to use after `ssh`."""
    return device.lower()


def _quoted(path: Path) -> str:
    # ssh_config expands % and knows double quotes only.
    return '"' + str(path).replace("%", "%%") + '"'


def _proxy_command(folder: SessionFolder) -> str:
    words = [sys.executable, "-I", "-m", "bedside.specialist.proxy", str(folder.path)]
    return shlex.join(words).replace("%", "%%")


def _block(config: SpecialistConfig, folder: SessionFolder) -> str:
    told = folder.description()
    options = {
        "HostName": told["device"],
        "User": told["access"],
        "ProxyCommand": _proxy_command(folder),
        "IdentityFile": _quoted(folder.key),
        "CertificateFile": _quoted(folder.ssh_certificate),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "UserKnownHostsFile": _quoted(folder.known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlgorithms": "ecdsa-sha2-nistp256",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "CheckHostIP": "no",
        "PreferredAuthentications": "publickey,keyboard-interactive",
        "NumberOfPasswordPrompts": "3",
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "SendEnv": "-*",
        "ControlMaster": "auto",
        "ControlPath": _quoted(_control_path(config, folder)),
        "ControlPersist": str(KEEP_S),
        "ServerAliveInterval": "20",
    }
    lines = [f"Host {host_of(told['device'])}", *(f"  {k} {v}" for k, v in options.items())]
    return "\n".join(lines)


def _control_path(config: SpecialistConfig, folder: SessionFolder) -> Path:
    return config.state / f"m-{folder.session[-10:]}"


def is_shared(config: SpecialistConfig, device: str) -> bool:
    """Return whether a connection to `device` stands that the next command will share."""
    folder = newest_folder(config.sessions, device)
    return folder is not None and _control_path(config, folder).is_socket()


def render(config: SpecialistConfig) -> str:
    """Return the configuration for every session known on this computer; newest wins."""
    newest = {folder.description()["device"]: folder for folder in session_folders(config.sessions)}
    blocks = [_block(config, folder) for folder in newest.values()]
    return (
        "\n\n".join(["# Written by `bedside ssh-config`; changes here are lost.", *blocks]) + "\n"
    )


def write(config: SpecialistConfig) -> Path:
    """Write the configuration where `include_line` points, and return that file."""
    config.config.mkdir(mode=0o700, parents=True, exist_ok=True)
    config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Whole or not at all: an `ssh` may read it at this moment.
    write_private(config.ssh_config, render(config).encode())
    return config.ssh_config


def include_line(config: SpecialistConfig) -> str:
    """Return the line that makes OpenSSH read our file."""
    return f'Include "{config.ssh_config}"'


def install(config: SpecialistConfig) -> bool:
    """Put the include line first in the person's own file; returns False where it already was."""
    own = config.ssh_folder / "config"
    present = own.read_text(encoding="utf-8") if own.exists() else ""
    line = include_line(config)
    if line in present.splitlines():
        return False
    config.ssh_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own.write_text(f"{line}\n\n{present}", encoding="utf-8")
    own.chmod(0o600)
    return True
