"""What an installation decides: one TOML file, read once; a missing value fails at start by name.

`BEDSIDE_CONSOLE_CONFIG` names the file (`bedside console --config F` sets it);
`BEDSIDE_DATABASE_URL` may replace `database`, so that a password need not stand in the file.
"""

import dataclasses
import os
import tomllib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from bedside.console.project.config_error import ConsoleConfigError
from bedside.console.project.postgresql.address import postgresql_settings
from bedside.language import N_
from bedside.language.config_error import ConfigError, field_error, file_error, toml_error
from bedside.observe.admin import AdminAddress
from bedside.observe.trace import is_endpoint
from bedside.vocabulary import Role

__all__ = [
    "CONFIG_VARIABLE",
    "DATABASE_VARIABLE",
    "IN_MEMORY",
    "AdminConfig",
    "AlarmConfig",
    "ApiLimits",
    "ConsoleConfig",
    "LogConfig",
    "MailConfig",
    "SessionLimits",
    "SignInLimits",
    "TracingConfig",
    "config_file",
    "database_settings",
    "load_config",
    "parse_config",
    "read_standin_config",
]

CONFIG_VARIABLE = "BEDSIDE_CONSOLE_CONFIG"
DATABASE_VARIABLE = "BEDSIDE_DATABASE_URL"
IN_MEMORY = "sqlite:///:memory:"
"""The `database` of a console that keeps nothing: tests, and commands without a configuration."""
_T = TypeVar("_T")
_MAX_BYTES = 64 * 1024
_URL_LIKE = N_("public_url must be like https://console.example.com")


@dataclass(frozen=True, slots=True)
class SignInLimits:
    """`[sign_in]`: how long a sign-in lasts and what wrong attempts cost."""

    idle_minutes: int = 30
    absolute_hours: int = 10
    token_hours: int = 12
    failures: int = 10
    """Wrong passwords or codes in a row that lock an account."""
    lock_minutes: int = 15
    confirm_minutes: int = 5
    """How long a password or passkey that was just given counts before a risky act."""
    passkey_roles: tuple[str, ...] = ("administrator", "site_approver")
    """Roles that sign in with a passkey only; an organisation may add to them."""
    factor_link_hours: int = 24
    invitation_days: int = 7
    program_token_days: int = 90
    """The longest life of a token that a person makes for a program."""
    review_days: int = 90
    """An account whose rights nobody has reviewed for so long is closed."""
    review_notice_days: int = 14
    """How long before that it is announced."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """`[sessions]`: what an order to a device says of time and bytes."""

    answer_seconds: int = 180
    """How long the person at the device has to answer; silence is a no."""
    site_answer_seconds: int = 1800
    """How long the site's approvers have, where its policy asks them; silence is a no."""
    idle_seconds: int = 900
    max_bytes: int = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """`[api]`: how often one token, or one address without a token, may call each web process."""

    calls_per_second: int = 20
    burst: int = 200


@dataclass(frozen=True, slots=True)
class AlarmConfig:
    """`[alarms]`: when silence is an alarm without a rule, and how long alarms are kept."""

    silence_minutes: int = 15
    """For devices of products whose profile says `monitored`, where no rule says anything; 0: never."""
    keep_days: int = 365
    """How long an alarm that is over stays on its page; the journal keeps its entries."""


@dataclass(frozen=True, slots=True)
class MailConfig:
    """`[mail]`: how notices leave."""

    host: str = ""
    """The SMTP server; empty: mail waits in the outbox."""
    port: int = 587
    security: str = "starttls"
    """`starttls`, `tls`, or `none` for a server on this machine."""
    user: str = ""
    password_file: str = ""
    """A file that only the console reads."""
    sender: str = "Bedside <bedside@localhost>"
    private_webhooks: int = 0
    """1 lets webhooks reach private addresses and plain http: for a console inside one hospital."""

    @property
    def password(self) -> str:
        """The password, read when it is needed."""
        return Path(self.password_file).read_text(encoding="utf-8").strip()


@dataclass(frozen=True, slots=True)
class LogConfig:
    """`[log]`: what the processes write on standard error."""

    format: str = "text"
    """`text` for a terminal, `json` for whoever collects logs: with a line for each request and act."""


@dataclass(frozen=True, slots=True)
class AdminConfig:
    """`[admin]`: where each process answers whoever runs it, `HOST:PORT`; empty: nowhere."""

    web: str = ""
    live: str = ""
    worker: str = ""

    def address(self, process: str) -> AdminAddress | None:
        """Return where a process answers, None where it does not."""
        text: str = getattr(self, process)
        host, _, port = text.rpartition(":")
        return AdminAddress(host.strip("[]"), int(port)) if text else None


@dataclass(frozen=True, slots=True)
class TracingConfig:
    """`[tracing]`: where traces of sessions go."""

    endpoint: str = ""
    """A collector that takes OTLP over HTTP: `http://127.0.0.1:4318`; empty: nowhere."""


@dataclass(frozen=True, slots=True)
class ConsoleConfig:
    """Everything an installation decides; `docs/reference/console-config.md` explains each value."""

    public_url: str
    """Where people reach the console: `https://console.example.com`."""
    data_dir: Path
    """Keys, journal tiles, database: a folder of the console's own."""
    listen: str = "127.0.0.1:8000"
    """Where `web` listens; a proxy with TLS stands before it."""
    live_listen: str = "127.0.0.1:8001"
    """Where `live` listens for event streams; a proxy with TLS stands before it."""
    live_url: str = ""
    """Where browsers reach `live`; empty: behind the same name as `public_url`."""
    relay_listen: str = "127.0.0.1:8002"
    """Where `live` listens for relays; it speaks TLS itself, with the manufacturer's CA."""
    relay_address: str = ""
    """Where relays dial, `HOST:PORT`; empty: `relay_listen`."""
    relay_server_name: str = ""
    """The name that relays ask for and verify; empty: the host name of `public_url`."""
    web_workers: int = 1
    web_threads: int = 16
    """Requests that one process of `web` serves at once; the rest wait. Each may hold a connection
    to the database, and 100 MiB while a password is hashed (Argon2)."""
    database: str = ""
    """`sqlite:///PATH` (empty: `console.sqlite3` in data_dir) or `postgresql://USER:PASSWORD@HOST/NAME`."""
    allowed_hosts: tuple[str, ...] = ()
    """Names beside public_url's own under which the console answers."""
    trusted_proxies: int = 0
    """How many proxies stand before `web`: their X-Forwarded-* headers are believed."""
    manufacturer: str = "Manufacturer"
    """The name that stands on every page and in the second factor's app."""
    language: str = "en"
    sign_in: SignInLimits = SignInLimits()
    sessions: SessionLimits = SessionLimits()
    mail: MailConfig = MailConfig()
    api: ApiLimits = ApiLimits()
    log: LogConfig = LogConfig()
    admin: AdminConfig = AdminConfig()
    tracing: TracingConfig = TracingConfig()
    alarms: AlarmConfig = AlarmConfig()

    @property
    def secure(self) -> bool:
        """Whether people arrive over HTTPS."""
        return self.public_url.startswith("https://")

    @property
    def public_host(self) -> str:
        """The host name of public_url, without a port."""
        return urlsplit(self.public_url).hostname or ""


def config_file() -> Path | None:
    """Return the file that the environment names, None where it names none."""
    path = os.environ.get(CONFIG_VARIABLE)  # noqa: TID251 - this is the config module
    return Path(path) if path else None


def load_config() -> ConsoleConfig:
    """Return the configuration of the file that the environment names.

    Raises:
        ConfigError: the file is missing, unreadable or wrong; names the value.
    """
    path = config_file()
    if path is None:
        return read_standin_config()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise file_error(error, str(path)) from error
    config = parse_config(data, where=str(path))
    database = os.environ.get(DATABASE_VARIABLE)  # noqa: TID251 - this is the config module
    return _with_database(config, database) if database else config


def _with_database(config: ConsoleConfig, database: str) -> ConsoleConfig:
    config = dataclasses.replace(config, database=database)
    try:
        database_settings(config)
    except ConfigError as error:
        raise error.within(DATABASE_VARIABLE) from error.__cause__
    return config


def read_standin_config() -> ConsoleConfig:
    """Return a configuration that touches no disk, for makemigrations and type checks; it warns."""
    warnings.warn(
        f"{CONFIG_VARIABLE} names no file: a stand-in without a database is used", stacklevel=2
    )
    return ConsoleConfig(
        public_url="http://localhost:8000", data_dir=Path("var/console"), database=IN_MEMORY
    )


def parse_config(data: bytes, *, where: str = "configuration") -> ConsoleConfig:
    """Return the configuration that a TOML file states; `where` names it in errors.

    Raises:
        ConfigError: not TOML, a missing, unknown or impossible value.
    """
    try:
        config = _from_tables(_tables(data))
        _check(config)
    except ConfigError as error:
        raise error.within(where) from error.__cause__
    return config


def _tables(data: bytes) -> dict[str, Any]:
    if len(data) > _MAX_BYTES:
        raise field_error("size")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise toml_error(error) from error


def _from_tables(values: dict[str, Any]) -> ConsoleConfig:
    tables = {
        "sign_in": _sign_in(values.pop("sign_in", {})),
        "sessions": _table(SessionLimits, values.pop("sessions", {}), "[sessions]"),
        "api": _api(values.pop("api", {})),
        "mail": _mail(values.pop("mail", {})),
        "log": _log(values.pop("log", {})),
        "admin": _admin(values.pop("admin", {})),
        "tracing": _tracing(values.pop("tracing", {})),
        "alarms": _alarms(values.pop("alarms", {})),
    }
    for name in ("public_url", "data_dir"):
        if not values.get(name):
            raise field_error("missing", name)
    values["allowed_hosts"] = _names(values.get("allowed_hosts", []), "allowed_hosts")
    values["data_dir"] = Path(str(values["data_dir"]))
    return _table(ConsoleConfig, {**values, **tables})


def _table(cls: type[_T], values: object, where: str = "") -> _T:
    if not isinstance(values, Mapping):
        raise field_error("not_an_object", where)
    known = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name, value in values.items():
        if name not in known:
            raise field_error("unknown", name, where=where)
        kind = known[name].type
        if kind is int and (type(value) is not int or value < 0):
            text = N_("{name} must be a whole number, zero or more")
            raise ConsoleConfigError(text, where=where, name=name)
        if kind is str and not isinstance(value, str):
            raise field_error("not_text", name, where=where)
    return cls(**values)


def _api(values: object) -> ApiLimits:
    api = _table(ApiLimits, values, "[api]")
    if not api.calls_per_second or not api.burst:
        text = N_("calls_per_second and burst must be one or more")
        raise ConsoleConfigError(text, where="[api]")
    return api


def _alarms(values: object) -> AlarmConfig:
    alarms = _table(AlarmConfig, values, "[alarms]")
    if not alarms.keep_days:
        raise ConsoleConfigError(N_("keep_days must be one or more"), where="[alarms]")
    return alarms


def _log(values: object) -> LogConfig:
    log = _table(LogConfig, values, "[log]")
    if log.format not in ("text", "json"):
        raise ConsoleConfigError(N_("format must be text or json"), where="[log]")
    return log


def _admin(values: object) -> AdminConfig:
    admin = _table(AdminConfig, values, "[admin]")
    for each in dataclasses.fields(admin):
        text = getattr(admin, each.name)
        host, colon, port = text.rpartition(":")
        good = host and colon and port.isdecimal() and int(port) <= 65535
        if text and not good:
            words = N_("{name} must be HOST:PORT")
            raise ConsoleConfigError(words, where="[admin]", name=each.name)
    return admin


def _tracing(values: object) -> TracingConfig:
    tracing = _table(TracingConfig, values, "[tracing]")
    if tracing.endpoint and not is_endpoint(tracing.endpoint):
        raise ConsoleConfigError(
            N_("endpoint must be like http://collector.example:4318"), where="[tracing]"
        )
    return tracing


def _mail(values: object) -> MailConfig:
    mail = _table(MailConfig, values, "[mail]")
    if mail.security not in ("starttls", "tls", "none"):
        text = N_("security must be starttls, tls or none")
        raise ConsoleConfigError(text, where="[mail]")
    if mail.user and not mail.password_file:
        text = N_("password_file is missing: user needs it")
        raise ConsoleConfigError(text, where="[mail]")
    return mail


def _sign_in(values: object) -> SignInLimits:
    where = "[sign_in]"
    if isinstance(values, Mapping) and "passkey_roles" in values:
        roles = _names(values["passkey_roles"], "passkey_roles", where)
        for role in roles:
            if role not in {each.value for each in Role}:
                text = N_("passkey_roles: there is no role {role}")
                raise ConsoleConfigError(text, where=where, role=role)
        values = {**values, "passkey_roles": roles}
    return _table(SignInLimits, values, where)


def _names(values: object, name: str, where: str = "") -> tuple[str, ...]:
    if isinstance(values, list) and all(isinstance(each, str) and each for each in values):
        return tuple(values)
    raise ConsoleConfigError(N_("{name} must be a list of names"), where=where, name=name)


def _check(config: ConsoleConfig) -> None:
    url = _split(config.public_url)
    if url is None or url.scheme not in ("http", "https") or not url.hostname:
        raise ConsoleConfigError(_URL_LIKE)
    if url.path not in ("", "/"):
        raise ConsoleConfigError(_URL_LIKE)
    if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        text = N_("public_url must be https: only this machine may use http")
        raise ConsoleConfigError(text)
    if config.language not in ("en", "fr"):
        raise ConsoleConfigError(N_("language must be en or fr"))
    _check_admin(config)
    database_settings(config)


def _check_admin(config: ConsoleConfig) -> None:
    """Refuse an admin address that people or relays reach, or that two processes share."""
    taken = [config.listen, config.live_listen, config.relay_listen]
    for each in dataclasses.fields(config.admin):
        address = getattr(config.admin, each.name)
        if address and any(_meet(address, other) for other in taken):
            words = N_("{name} must be an address of its own: {address} is another listener's")
            raise ConsoleConfigError(words, where="[admin]", name=each.name, address=address)
        taken.append(address)


def _meet(one: str, other: str) -> bool:
    (host, _, port), (other_host, _, other_port) = one.rpartition(":"), other.rpartition(":")
    everywhere = {"", "0.0.0.0", "[::]"}  # noqa: S104 - names them, binds nothing
    same = host == other_host or everywhere & {host, other_host}
    return bool(other and same and port == other_port != "0")


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None


def database_settings(config: ConsoleConfig) -> dict[str, Any]:
    """Return Django's settings of the database that `config` names, or raise ConfigError."""
    if not config.database:
        return _sqlite(str(config.data_dir / "console.sqlite3"))
    if config.database == IN_MEMORY:
        return _sqlite(":memory:")
    url = _split(config.database)
    if url is not None and url.scheme == "sqlite" and len(url.path) > 1:
        return _sqlite(url.path)
    if url is not None and url.scheme == "postgresql":
        return postgresql_settings(config.database)
    text = N_("database must be sqlite:///PATH or postgresql://USER@HOST/NAME")
    raise ConsoleConfigError(text)


def _sqlite(name: str) -> dict[str, Any]:
    pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    return {
        "ENGINE": "bedside.console.project.sqlite",
        "NAME": name,
        "CONN_MAX_AGE": None,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": pragmas},
    }
