"""A connection of one's own to PostgreSQL, beside Django's: for what must be heard, or held, on and on."""

from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    import psycopg

__all__ = ["on_postgresql", "open_own"]

# Django's own ways to read rows, which mean nothing here.
_DJANGOS = ("context", "cursor_factory", "prepare_threshold")


def on_postgresql() -> bool:
    """Return whether the console's database is PostgreSQL."""
    return connection.vendor == "postgresql"


def open_own(purpose: str, **values: str) -> "psycopg.Connection[tuple[object, ...]]":
    """Return a connection that commits each statement; raises psycopg.Error.

    A server that vanished without a word is noticed within half a minute.

    Args:
        purpose: the name under which the server shows it.
        values: configuration of the server for this connection, by name.
    """
    import psycopg  # absent where the database is SQLite

    known = {k: v for k, v in connection.get_connection_params().items() if k not in _DJANGOS}
    known["application_name"] = f"bedside {purpose}"
    known["options"] = " ".join(f"-c {name}={value}" for name, value in values.items())
    patience = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
    return psycopg.connect(**{**known, **patience, "tcp_user_timeout": 20_000}, autocommit=True)
