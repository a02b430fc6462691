"""When a certificate that TLS verified runs out; apart, because the idle agent does without `datetime`."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["peer_ends_ms"]

_MOMENT = re.compile(r"(\w{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4}) GMT", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}


def peer_ends_ms(certificate: Mapping[str, Any] | None) -> int:
    """Return the end in what `SSLSocket.getpeercert()` returned (Unix milliseconds).

    `ssl.cert_time_to_seconds` reads it by a locale's names, and needs ten times as long for it.
    Raises ValueError.
    """
    moment = _MOMENT.fullmatch((certificate or {}).get("notAfter", ""))
    if moment is None:
        raise ValueError("a certificate without an end")
    month, *numbers = moment.groups()
    day, hour, minute, second, year = map(int, numbers)
    try:
        end = datetime(year, _MONTHS[month], day, hour, minute, second, tzinfo=UTC)
    except (KeyError, ValueError):
        raise ValueError("a certificate without an end") from None
    return int(end.timestamp()) * 1000
