"""Findings and checks in the active language."""

import logging

from django.utils.translation import gettext as _

from bedside.console.health.judge import Ago, Finding
from bedside.console.log import told
from bedside.language import N_
from bedside.observe.admin import AdminAddress

__all__ = ["admin_off", "area_name", "say", "span"]

_log = logging.getLogger("bedside.admin")
_AREAS = {
    "database": N_("database"),
    "migrations": N_("migrations"),
    "keys": N_("keys"),
    "certificates": N_("certificates"),
    "processes": N_("processes"),
    "relays": N_("relays"),
    "journal": N_("journal"),
    "outbox": N_("outbox"),
    "sessions": N_("sessions"),
    "devices": N_("devices"),
    "alarms": N_("alarms"),
}
_UNITS = (
    (24 * 3600, N_("{count} d")),
    (3600, N_("{count} h")),
    (60, N_("{count} min")),
    (1, N_("{count} s")),
)
_CERTIFICATES = {"root": N_("the root"), "live": "live"}


def area_name(area: str) -> str:
    """Return an area's name in the active language."""
    return _(_AREAS[area])


def say(finding: Finding) -> str:
    """Return what was found as a sentence in the active language."""
    values = {
        name: span(value.ms) if isinstance(value, Ago) else _name(finding.area, value)
        for name, value in finding.values.items()
    }
    return _(finding.sentence).format(**values)


def admin_off(address: AdminAddress, error: OSError) -> None:
    """Say loudly that an admin address could not be had; the process serves without it."""
    words = _(
        "[admin] {host}:{port} cannot be had: another program has it, this user may not take it, or "
        "it is no address of this machine. It serves all the same: mend it and restart."
    )
    said = words.format(host=address.host, port=address.port)
    told_of = told("admin_off", host=address.host, port=address.port, error=str(error))
    _log.warning(said, extra=told_of)


def span(ms: int) -> str:
    """Return a stretch of time in its largest unit, rounded down: `3 min`."""
    seconds = ms // 1000
    for size, words in _UNITS:
        if seconds >= size:
            return _(words).format(count=seconds // size)
    return _(_UNITS[-1][1]).format(count=0)


def _name(area: str, value: str | int) -> str | int:
    if area != "certificates" or not isinstance(value, str):
        return value
    if value.startswith("relay "):
        return _("relay {name}").format(name=value.removeprefix("relay "))
    return _(_CERTIFICATES[value])
