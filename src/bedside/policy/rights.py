"""What each role may do: a role is a set of permissions, and nothing else grants one (S35)."""

from collections.abc import Mapping
from types import MappingProxyType

from bedside.vocabulary import Permission, Role

__all__ = ["RIGHTS", "permissions"]

_READ = frozenset(
    {
        Permission.DEVICES_DEVICE_READ,
        Permission.JOURNAL_ENTRY_READ,
        Permission.SESSIONS_SESSION_READ,
    }
)

RIGHTS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        # Administrators run the console; asking for a session is a specialist's act, not theirs.
        Role.ADMINISTRATOR: frozenset(Permission) - {Permission.SESSIONS_SESSION_REQUEST},
        Role.AUDITOR: _READ | {Permission.ACCOUNTS_PERSON_READ, Permission.JOURNAL_ENTRY_EXPORT},
        Role.MANAGER: _READ
        | {
            Permission.ACCOUNTS_PERSON_READ,
            Permission.DEVICES_DEVICE_ENROL,
            Permission.DEVICES_DEVICE_LOCK,
            Permission.JOURNAL_ENTRY_EXPORT,
            Permission.SESSIONS_SESSION_END,
        },
        # The hospital's own person: sees and stops what happens on the site's devices.
        Role.SITE_MANAGER: _READ
        | {
            Permission.DEVICES_DEVICE_LOCK,
            Permission.JOURNAL_ENTRY_EXPORT,
            Permission.SESSIONS_SESSION_END,
        },
        Role.SPECIALIST: _READ
        | {Permission.SESSIONS_SESSION_END, Permission.SESSIONS_SESSION_REQUEST},
    }
)
"""Role to permissions; read-only."""


def permissions(role: Role | None) -> frozenset[Permission]:
    """Return what `role` may do; no role, nothing."""
    return frozenset() if role is None else RIGHTS[role]
