"""Who may see which field of an entry: each is public, sensitive or secret (STYLE 21).

Public is what every reader of a journal may see. Sensitive names people, places and machines:
the organisation's own readers. Secret is for the auditor; a field nobody marked is secret.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bedside.audit.entry import Entry
from bedside.vocabulary import FieldClass

__all__ = ["DETAIL_CLASSES", "FIELD_CLASSES", "class_of", "view"]

_PUBLIC = [
    "approval_of_another_order",
    "accepted_ms",
    "access",
    "acknowledged_head",
    "acknowledged_size",
    "actions",
    "activity",
    "approved_until_ms",
    "attempt",
    "attempts",
    "break_glass",
    "bundle",
    "bytes",
    "bytes_from_device",
    "bytes_from_specialist",
    "bytes_moved",
    "bytes_received",
    "bytes_sent",
    "channel",
    "checkpoint",
    "clock",
    "clock_offset_s",
    "code_id",
    "configuration",
    "count",
    "country",
    "devices_offline",
    "devices_online",
    "duration_s",
    "end_ms",
    "ending",
    "exit_status",
    "expires_ms",
    "first",
    "found",
    "gate",
    "hash",
    "head",
    "hold_ms",
    "idle_s",
    "index",
    "issued_ms",
    "joins",
    "key_id",
    "kind",
    "leg",
    "level",
    "limit",
    "log",
    "max_bytes",
    "mode",
    "origin",
    "outcome",
    "patient_data",
    "poll_mode",
    "presence",
    "processes_left",
    "previous_key_id",
    "product",
    "reason_code",
    "relay",
    "remaining",
    "retry_in_ms",
    "root",
    "runs_as",
    "scope",
    "seen_ms",
    "silence_minutes",
    "silent_since_ms",
    "sent_ms",
    "serial",
    "sha256",
    "signature",
    "site_policy",
    "sole_reviewer",
    "size",
    "source",
    "start_ms",
    "state",
    "stopped",
    "swept",
    "took_ms",
    "topic",
    "torn_bytes",
    "until_ms",
    "version",
]
_SENSITIVE = [
    "address",
    "agent_version",
    "approver",
    "by",
    "case",
    "change",
    "command",
    "data_item",
    "device",
    "digest",
    "display_name",
    "email",
    "employer",
    "endpoint",
    "error",
    "exception",
    "file",
    "finding",
    "fingerprint",
    "folder",
    "host",
    "hostname",
    "instance",
    "item",
    "key",
    "language",
    "message",
    "method",
    "name",
    "operator",
    "organisation",
    "panel",
    "path",
    "person",
    "port",
    "previous_instance",
    "profile",
    "reason",
    "role",
    "server_name",
    "session",
    "site",
    "subject",
    "summary",
    "ticket",
    "timezone",
    "user_agent",
    "username",
    "vetted_by",
    "vetted_on",
]

DETAIL_CLASSES: Mapping[str, FieldClass] = MappingProxyType(
    dict.fromkeys(_PUBLIC, FieldClass.PUBLIC) | dict.fromkeys(_SENSITIVE, FieldClass.SENSITIVE)
)
"""The class of each detail by its name; what is not here is secret."""

FIELD_CLASSES: Mapping[str, FieldClass] = MappingProxyType(
    {
        "action": FieldClass.PUBLIC,
        "actor": FieldClass.SENSITIVE,
        "case": FieldClass.SENSITIVE,
        "clock": FieldClass.PUBLIC,
        "gate": FieldClass.PUBLIC,
        "object": FieldClass.SENSITIVE,
        "outcome": FieldClass.PUBLIC,
        "prev": FieldClass.PUBLIC,
        "seq": FieldClass.PUBLIC,
        "session": FieldClass.PUBLIC,
        "time": FieldClass.PUBLIC,
    }
)
"""The class of each field of every entry, apart from its details."""

_RANK = {FieldClass.PUBLIC: 0, FieldClass.SENSITIVE: 1, FieldClass.SECRET: 2}


def class_of(detail: str) -> FieldClass:
    """Return the class of a detail by its name: secret unless it is marked otherwise."""
    return DETAIL_CLASSES.get(detail, FieldClass.SECRET)


def view(entry: Entry, clearance: FieldClass) -> dict[str, Any]:
    """Return the entry as far as `clearance` reaches, as a JSON object.

    A withheld value is null and its name stands in the list `withheld` (`case`, `detail.path`),
    so that a reader sees that there is something to ask for.
    """
    obj = entry.to_dict()
    withheld = [n for n, c in FIELD_CLASSES.items() if obj[n] is not None and _over(c, clearance)]
    hidden = [n for n in sorted(entry.detail) if _over(class_of(n), clearance)]
    obj |= dict.fromkeys(withheld)
    obj["detail"] = dict(entry.detail) | dict.fromkeys(hidden)
    obj["withheld"] = sorted(withheld) + [f"detail.{name}" for name in hidden]
    return obj


def _over(field: FieldClass, clearance: FieldClass) -> bool:
    return _RANK[field] > _RANK[clearance]
