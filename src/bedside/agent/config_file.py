"""Reads the agent's configuration: one TOML file, checked whole (`docs/reference/agent-config.md`)."""

import grp
import stat
import tomllib
from pathlib import Path
from typing import Any

from bedside.agent.config import PATHS, AgentConfig
from bedside.agent.proxy import Proxy
from bedside.agent.users import SystemUser, find_user
from bedside.language import N_
from bedside.language.config_error import ConfigError, field_error, toml_error

__all__ = ["AgentConfigError", "load_config"]

_MAX_BYTES = 64 * 1024
_WANTED = {str: "not_text", int: "not_an_integer", list: "not_a_list", dict: "not_an_object"}


class AgentConfigError(ConfigError):
    """The configuration is missing something or holds something unknown; the sentence names it."""

    domain = "bedside-agent"


class _Table:
    """Reads a TOML table; whatever is left unread is refused."""

    def __init__(self, table: dict[str, Any], where: str = "") -> None:
        self._table = dict(table)
        self._where = where

    def take(self, name: str, *kinds: type, default: Any = ...) -> Any:
        full = f"{self._where}{name}"
        if name not in self._table:
            if default is ...:
                raise field_error("missing", full)
            return default
        value = self._table.pop(name)
        if type(value) not in kinds:
            if len(kinds) > 1:
                raise AgentConfigError(N_("{name} must be text or a whole number"), name=full)
            raise field_error(_WANTED[kinds[0]], full)
        return value

    def end(self) -> None:
        if self._table:
            raise field_error("unknown", f"{self._where}{min(self._table)}")


def load_config(path: Path) -> AgentConfig:
    """Return the configuration in the TOML file at `path`.

    Raises ConfigError with the name of what is wrong, OSError when a file cannot be read.
    """
    data = path.read_bytes()
    if len(data) > _MAX_BYTES:
        raise field_error("size")
    try:
        table = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise toml_error(error) from error
    return _from_table(_Table(table), path.parent)


def _from_table(table: _Table, folder: Path) -> AgentConfig:
    files = table.take("hardware_files", list, default=["/etc/machine-id"])
    config = AgentConfig(
        **{name: _path(table, name, folder) for name in PATHS},
        proxy=_proxy(table.take("proxy", dict, default=None), folder),
        panel_users=tuple(
            _user(str(name)).uid for name in table.take("panel_users", list, default=[])
        ),
        panel_groups=tuple(_group(name) for name in table.take("panel_groups", list, default=[])),
        worker_user=_system_user(table, "worker_user", str),
        session_user=_system_user(table, "session_user", str, int),
        service_user=None,  # the profile names it: `separation` looks
        site_trust=_path(table, "site_trust", folder, default="site.json"),
        hardware_files=tuple(folder / str(name) for name in files),
    )
    table.end()
    if config.session_user is not None:
        _check_session_user(config, config.session_user)
    return config


def _path(table: _Table, name: str, folder: Path, default: Any = ...) -> Path:
    given: str = table.take(name, str, default=default)
    try:
        return (folder / given).resolve()
    except ValueError:  # a NUL in it
        raise AgentConfigError(N_("{name} is not the name of a file"), name=name) from None


def _proxy(given: dict[str, Any] | None, folder: Path) -> Proxy | None:
    if given is None:
        return None
    table = _Table(given, "proxy.")
    file = table.take("password_file", str, default=None)
    proxy = Proxy(
        host=table.take("host", str),
        port=table.take("port", int),
        user=table.take("user", str, default=None),
        password=None if file is None else _password(folder / file),
    )
    table.end()
    return proxy


def _password(file: Path) -> str:
    try:
        mode, password = file.stat().st_mode, file.read_text("utf-8").rstrip("\n")
    except ValueError:  # not UTF-8, or a NUL in the name
        text = N_("{name} names no file of text")
        raise AgentConfigError(text, name="proxy.password_file") from None
    if stat.S_IMODE(mode) & 0o077:
        text = N_("{name}: others may read {file}: chmod 600 it")
        raise AgentConfigError(text, name="proxy.password_file", file=file)
    return password


def _system_user(table: _Table, name: str, *kinds: type) -> SystemUser | None:
    given = table.take(name, *kinds, default=None)
    return None if given is None else _user(given)


def _user(given: str | int) -> SystemUser:
    try:
        return find_user(given)
    except (KeyError, ValueError):  # ValueError: a NUL in it
        raise AgentConfigError(N_("there is no user {name}"), name=given) from None


def _check_session_user(config: AgentConfig, user: SystemUser) -> None:
    """What a session runs must not be what keeps it out; whatever else runs as it would be ended."""
    if user.uid == 0:
        raise AgentConfigError(N_("session_user is root: name a user that may do nothing else"))
    if config.worker_user is not None and user.uid == config.worker_user.uid:
        text = N_("session_user is worker_user: it needs one that nobody else uses")
        raise AgentConfigError(text)
    if user.uid in config.panel_users or {user.gid, *user.groups} & set(config.panel_groups):
        raise AgentConfigError(N_("session_user may use the panel: it could let itself in"))


def _group(name: Any) -> int:
    try:
        return grp.getgrnam(str(name)).gr_gid
    except (KeyError, ValueError):  # ValueError: a NUL in it
        raise AgentConfigError(N_("there is no group {name}"), name=name) from None
