"""`postgresql://USER:PASSWORD@HOST:PORT/NAME?...` as Django's settings; refuses by name."""

from importlib.util import find_spec
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

__all__ = ["AddressError", "postgresql_settings"]

_LIKE = (
    "postgresql://USER@HOST/NAME, or postgresql:///NAME?host=FOLDER for a socket on this machine"
)
_OPTIONS = ("host", "sslmode", "sslrootcert")
_SSL_MODES = ("disable", "require", "verify-ca", "verify-full")
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class AddressError(ValueError):
    """The database cannot be used like this; the sentence says why and what to do."""


def postgresql_settings(address: str) -> dict[str, Any]:
    """Return Django's settings of this database.

    A server beyond this machine must show a certificate for its name, unless `sslmode` says
    otherwise: the session keys and the journal pass there.

    Raises:
        AddressError: no such address can be used, or psycopg is not installed.
    """
    try:
        url = urlsplit(address)
        port = str(url.port or "")
        options = dict(parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query)))
    except ValueError as error:
        raise AddressError(f"database: {error}; write it like {_LIKE}") from error
    host = _host(url, options)
    _check_options(options)
    if find_spec("psycopg") is None:
        raise AddressError(
            "database is PostgreSQL, but psycopg is not installed: "
            "pip install 'bedside[console,postgresql]'"
        )
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


def _host(url: SplitResult, options: dict[str, str]) -> str:
    """Return the host, or the folder of the socket: one of the two must be there, and a name."""
    folder = options.pop("host", "")
    if folder and (url.hostname or not folder.startswith("/")):
        raise AddressError("database: ?host= names the folder of a socket, without another host")
    if not (url.hostname or folder) or len(url.path) < 2 or "/" in url.path[1:]:
        raise AddressError(f"database must be like {_LIKE}")
    return url.hostname or folder


def _check_options(options: dict[str, str]) -> None:
    for name in options:
        if name not in _OPTIONS:
            raise AddressError(f"database: {name} is not one of {', '.join(_OPTIONS)}")
    if options.get("sslmode", _SSL_MODES[0]) not in _SSL_MODES:
        raise AddressError(f"database: sslmode must be one of {', '.join(_SSL_MODES)}")
