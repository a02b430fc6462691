"""The agent's configuration as both of its processes hold it; `config_file` reads and checks the file.

The idle supervisor loads this module: only the standard library is imported.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bedside.agent.proxy import Proxy
from bedside.agent.users import SessionUsers, SystemUser
from bedside.language import Language, spoken_language

__all__ = [
    "PATHS",
    "AgentConfig",
    "notify_socket",
    "supervisor_environment",
    "system_language",
]

PATHS = ("state_dir", "run_dir", "profile", "manufacturer_key")
"""The keys that must be there; each names a file or a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Where things are on this device, and who may do what with them.

    Args:
        state_dir: identity, journal and what must survive; mode 0700.
        run_dir: the panel socket's folder.
        profile: the product profile's file.
        manufacturer_key: the public key (PEM) that signs enrolment bundles.
        proxy: the HTTP proxy that all connections use, or None.
        panel_users, panel_groups: ids that may use the panel socket, besides root and our own.
        worker_user: the user that the worker becomes when the supervisor is root.
        session_user: the user that a session's processes become, nobody else's; None where the
            agent runs as one user for all.
        service_user: the user that the product's service application needs, if it needs another.
        site_trust: where the site's own key stands (`bedside agent site trust`); root's to write.
        hardware_files: what makes this machine itself; a copy on another machine is refused.
    """

    state_dir: Path
    run_dir: Path
    profile: Path
    manufacturer_key: Path
    proxy: Proxy | None = None
    panel_users: tuple[int, ...] = ()
    panel_groups: tuple[int, ...] = ()
    worker_user: SystemUser | None = None
    session_user: SystemUser | None = None
    service_user: SystemUser | None = None
    site_trust: Path = Path("/etc/bedside/site.json")
    hardware_files: tuple[Path, ...] = (Path("/etc/machine-id"),)

    @property
    def identity_dir(self) -> Path:
        """Keys, certificate and trust of this device."""
        return self.state_dir / "identity"

    @property
    def journal_dir(self) -> Path:
        """The device's journal."""
        return self.state_dir / "journal"

    @property
    def panel_socket(self) -> Path:
        """Where panels connect."""
        return self.run_dir / "panel.sock"

    @property
    def session_users(self) -> SessionUsers:
        """As whom a session's processes run; without `session_user`, as the worker does."""
        if self.session_user is None:
            return SessionUsers(self.worker_user, self.service_user)
        return SessionUsers(self.session_user, self.service_user, separate=True)

    def to_json(self) -> str:
        """Return the configuration for another process of the agent; it may hold a password."""
        proxy = self.proxy
        return json.dumps(
            {
                **{name: str(getattr(self, name)) for name in PATHS},
                "proxy": proxy and [proxy.host, proxy.port, proxy.user, proxy.password],
                "panel_users": self.panel_users,
                "panel_groups": self.panel_groups,
                "worker_user": self.worker_user,
                "session_user": self.session_user,
                "service_user": self.service_user,
                "site_trust": str(self.site_trust),
                "hardware_files": [str(path) for path in self.hardware_files],
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return what `to_json` wrote."""
        obj = json.loads(text)
        proxy = obj["proxy"]
        return cls(
            **{name: Path(obj[name]) for name in PATHS},
            proxy=proxy and Proxy(host=proxy[0], port=proxy[1], user=proxy[2], password=proxy[3]),
            panel_users=tuple(obj["panel_users"]),
            panel_groups=tuple(obj["panel_groups"]),
            worker_user=SystemUser.from_json(obj["worker_user"]),
            session_user=SystemUser.from_json(obj["session_user"]),
            service_user=SystemUser.from_json(obj["service_user"]),
            site_trust=Path(obj["site_trust"]),
            hardware_files=tuple(Path(path) for path in obj["hardware_files"]),
        )


def notify_socket() -> str | None:
    """Return where systemd wants to hear of us, or None outside of it."""
    return os.environ.get("NOTIFY_SOCKET")  # noqa: TID251 - read here for the whole agent


def system_language() -> Language:
    """Return the language of whoever runs a command, from the locale's environment."""
    return spoken_language(os.environ)  # noqa: TID251 - read here for the whole agent


def supervisor_environment() -> dict[str, str]:
    """Return the environment of the supervisor: nothing of the caller's but systemd's socket."""
    path = notify_socket()
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        # Python's UTF-8 mode needs no locale; the C library would map one.
        "LC_ALL": "C",
        # It allocates at start and then hardly ever: what is free goes back to the device.
        "MALLOC_TOP_PAD_": "4096",
        "MALLOC_TRIM_THRESHOLD_": "16384",
    }
    return environment if path is None else {**environment, "NOTIFY_SOCKET": path}
