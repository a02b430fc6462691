"""`postgresql://USER:PASSWORD@HOST:PORT/NAME?...` as Django's settings; refuses by name."""

from importlib.util import find_spec
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from bedside.console.project.config_error import ConsoleConfigError
from bedside.language import N_

__all__ = ["postgresql_settings"]

_LIKE = N_(
    "database must be like postgresql://USER@HOST/NAME, or postgresql:///NAME?host=FOLDER for a "
    "socket on this machine"
)
_OPTIONS = ("host", "port", "sslmode", "sslrootcert")
_SSL_MODES = ("disable", "require", "verify-ca", "verify-full")
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def postgresql_settings(address: str) -> dict[str, Any]:
    """Return Django's settings of this database.

    A server beyond this machine must show a certificate for its name, unless `sslmode` says
    otherwise: the session keys and the journal pass there.

    Raises:
        ConfigError: no such address can be used, or psycopg is not installed.
    """
    try:
        url = urlsplit(address)
        options = dict(parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query)))
        port = str(url.port or _socket_port(options) or "")
    except ValueError as error:
        raise ConsoleConfigError(_LIKE) from error
    host = _host(url, options)
    _check_options(options)
    if find_spec("psycopg") is None:
        text = N_("database is PostgreSQL, but psycopg is not installed: {command}")
        command = "pip install --require-hashes -r requirements/console-postgresql.lock"
        raise ConsoleConfigError(text, command=command)
    if not host.startswith("/") and host not in _THIS_MACHINE:
        options.setdefault("sslmode", "verify-full")
        if options["sslmode"].startswith("verify"):
            options.setdefault("sslrootcert", "system")
    return {
        "ENGINE": "bedside.console.project.postgresql",
        "HOST": host,
        "PORT": port,
        "NAME": unquote(url.path[1:]),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 10, "application_name": "bedside", **options},
    }


def _socket_port(options: dict[str, str]) -> int:
    """Return the number in a socket's name; raises ValueError for one that is none, or no socket's."""
    port = options.pop("port", "")
    if not port:
        return 0
    if "host" not in options or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(port)
    return int(port)


def _host(url: SplitResult, options: dict[str, str]) -> str:
    """Return the host, or the folder of the socket: one of the two must be there, and a name."""
    folder = options.pop("host", "")
    if folder and (url.hostname or not folder.startswith("/")):
        text = N_("database: ?host= names the folder of a socket, without another host")
        raise ConsoleConfigError(text)
    if not (url.hostname or folder) or len(url.path) < 2 or "/" in url.path[1:]:
        raise ConsoleConfigError(_LIKE)
    return url.hostname or folder


def _check_options(options: dict[str, str]) -> None:
    for name in options:
        if name not in _OPTIONS:
            text = N_("database: {name} is not one of {names}")
            raise ConsoleConfigError(text, name=name, names=", ".join(_OPTIONS))
    if options.get("sslmode", _SSL_MODES[0]) not in _SSL_MODES:
        text = N_("database: sslmode must be one of {names}")
        raise ConsoleConfigError(text, names=", ".join(_SSL_MODES))
