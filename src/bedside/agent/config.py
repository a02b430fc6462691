"""The agent's configuration: one TOML file, read once, checked whole (`docs/reference/agent-config.md`)."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bedside.agent.proxy import Proxy
from bedside.language import Language, parse_language

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
        hardware_files: what makes this machine itself; a copy on another machine is refused.
    """

    state_dir: Path
    run_dir: Path
    profile: Path
    manufacturer_key: Path
    proxy: Proxy | None = None
    panel_users: tuple[int, ...] = ()
    panel_groups: tuple[int, ...] = ()
    worker_user: str | None = None
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
            worker_user=obj["worker_user"],
            hardware_files=tuple(Path(path) for path in obj["hardware_files"]),
        )


class _Table:
    """Reads a TOML table; whatever is left unread is refused."""

    def __init__(self, table: dict[str, Any], where: str = "") -> None:
        self._table = dict(table)
        self._where = where

    def take(self, name: str, kind: type, default: Any = ...) -> Any:
        if name not in self._table:
            if default is ...:
                raise ConfigError(f"{self._where}{name} is missing")
            return default
        value = self._table.pop(name)
        if type(value) is not kind:
            raise ConfigError(f"{self._where}{name} is not a {kind.__name__}")
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
    files = table.take("hardware_files", list, ["/etc/machine-id"])
    config = AgentConfig(
        **{name: _path(table, name, folder) for name in _PATHS},
        proxy=_proxy(table.take("proxy", dict, None), folder),
        panel_users=tuple(_user(name) for name in table.take("panel_users", list, [])),
        panel_groups=tuple(_group(name) for name in table.take("panel_groups", list, [])),
        worker_user=table.take("worker_user", str, None),
        hardware_files=tuple(folder / str(name) for name in files),
    )
    table.end()
    if config.worker_user is not None:
        _user(config.worker_user)
    return config


def _path(table: _Table, name: str, folder: Path) -> Path:
    return (folder / str(table.take(name, str))).resolve()


def _proxy(given: dict[str, Any] | None, folder: Path) -> Proxy | None:
    if given is None:
        return None
    table = _Table(given, "proxy.")
    file = table.take("password_file", str, None)
    proxy = Proxy(
        host=table.take("host", str),
        port=table.take("port", int),
        user=table.take("user", str, None),
        password=None if file is None else (folder / file).read_text().rstrip("\n"),
    )
    table.end()
    return proxy


def _user(name: Any) -> int:
    import pwd

    try:
        return pwd.getpwnam(str(name)).pw_uid
    except KeyError:
        raise ConfigError(f"there is no user {name}") from None


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
    environment = os.environ  # noqa: TID251 - read here for the whole agent
    return parse_language(
        environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG", "")
    )


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
