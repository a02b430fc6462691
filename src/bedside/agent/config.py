"""The agent's configuration: one TOML file, read once, checked whole (`docs/reference/agent-config.md`)."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bedside.agent.proxy import Proxy
from bedside.agent.users import SessionUsers, SystemUser, find_user
from bedside.language import Language, spoken_language

__all__ = [
    "AgentConfig",
    "ConfigError",
    "load_config",
    "notify_socket",
    "supervisor_environment",
    "system_language",
]

_MAX_BYTES = 64 * 1024
_PATHS = ("state_dir", "run_dir", "profile", "manufacturer_key")


class ConfigError(ValueError):
    """The configuration is missing something or holds something unknown; the message names it."""


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
                **{name: str(getattr(self, name)) for name in _PATHS},
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
            **{name: Path(obj[name]) for name in _PATHS},
            proxy=proxy and Proxy(host=proxy[0], port=proxy[1], user=proxy[2], password=proxy[3]),
            panel_users=tuple(obj["panel_users"]),
            panel_groups=tuple(obj["panel_groups"]),
            worker_user=SystemUser.from_json(obj["worker_user"]),
            session_user=SystemUser.from_json(obj["session_user"]),
            service_user=SystemUser.from_json(obj["service_user"]),
            site_trust=Path(obj["site_trust"]),
            hardware_files=tuple(Path(path) for path in obj["hardware_files"]),
        )


class _Table:
    """Reads a TOML table; whatever is left unread is refused."""

    def __init__(self, table: dict[str, Any], where: str = "") -> None:
        self._table = dict(table)
        self._where = where

    def take(self, name: str, *kinds: type, default: Any = ...) -> Any:
        if name not in self._table:
            if default is ...:
                raise ConfigError(f"{self._where}{name} is missing")
            return default
        value = self._table.pop(name)
        if type(value) not in kinds:
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise ConfigError(f"{self._where}{name} is not a {wanted}")
        return value

    def end(self) -> None:
        if self._table:
            raise ConfigError(f"{self._where}{min(self._table)} is unknown")


def load_config(path: Path) -> AgentConfig:
    """Return the configuration in the TOML file at `path`.

    Raises ConfigError with the name of what is wrong, OSError when the file cannot be read.
    """
    import tomllib

    data = path.read_bytes()
    if len(data) > _MAX_BYTES:
        raise ConfigError("the file is too large")
    try:
        table = tomllib.loads(data.decode())
    except ValueError as error:
        raise ConfigError(f"not TOML: {error}") from error
    return _from_table(_Table(table), path.parent)


def _from_table(table: _Table, folder: Path) -> AgentConfig:
    files = table.take("hardware_files", list, default=["/etc/machine-id"])
    config = AgentConfig(
        **{name: _path(table, name, folder) for name in _PATHS},
        proxy=_proxy(table.take("proxy", dict, default=None), folder),
        panel_users=tuple(
            _user(str(name)).uid for name in table.take("panel_users", list, default=[])
        ),
        panel_groups=tuple(_group(name) for name in table.take("panel_groups", list, default=[])),
        worker_user=_system_user(table, "worker_user", str),
        session_user=_system_user(table, "session_user", str, int),
        service_user=None,  # the profile names it: `separation` looks
        site_trust=(folder / table.take("site_trust", str, default="site.json")).resolve(),
        hardware_files=tuple(folder / str(name) for name in files),
    )
    table.end()
    if config.session_user is not None:
        _check_session_user(config, config.session_user)
    return config


def _path(table: _Table, name: str, folder: Path) -> Path:
    return (folder / str(table.take(name, str))).resolve()


def _proxy(given: dict[str, Any] | None, folder: Path) -> Proxy | None:
    if given is None:
        return None
    table = _Table(given, "proxy.")
    file = table.take("password_file", str, default=None)
    proxy = Proxy(
        host=table.take("host", str),
        port=table.take("port", int),
        user=table.take("user", str, default=None),
        password=None if file is None else (folder / file).read_text().rstrip("\n"),
    )
    table.end()
    return proxy


def _system_user(table: _Table, name: str, *kinds: type) -> SystemUser | None:
    given = table.take(name, *kinds, default=None)
    return None if given is None else _user(given)


def _user(given: str | int) -> SystemUser:
    try:
        return find_user(given)
    except KeyError:
        raise ConfigError(f"there is no user {given}") from None


def _check_session_user(config: AgentConfig, user: SystemUser) -> None:
    """What a session runs must not be what keeps it out; whatever else runs as it would be ended."""
    if user.uid == 0:
        raise ConfigError("session_user is root")
    if config.worker_user is not None and user.uid == config.worker_user.uid:
        raise ConfigError("session_user is worker_user: it needs one that nobody else uses")
    if user.uid in config.panel_users or {user.gid, *user.groups} & set(config.panel_groups):
        raise ConfigError("session_user may use the panel: it could let itself in")


def _group(name: Any) -> int:
    import grp

    try:
        return grp.getgrnam(str(name)).gr_gid
    except KeyError:
        raise ConfigError(f"there is no group {name}") from None


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
