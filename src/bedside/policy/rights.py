"""What each role may do: a role is a set of permissions, and nothing else grants one (S35)."""

from collections.abc import Mapping
from types import MappingProxyType

from bedside.vocabulary import Permission, Role

__all__ = ["RIGHTS", "permissions"]

_READ = frozenset(
    {
        Permission.CASES_CASE_READ,
        Permission.DEVICES_DEVICE_READ,
        Permission.JOURNAL_ENTRY_READ,
        Permission.MONITORING_ALARM_READ,
        Permission.SESSIONS_SESSION_READ,
    }
)

_OF_THE_SITE = frozenset(
    {
        Permission.SESSIONS_SESSION_WATCH,
        Permission.SITES_BREAK_GLASS_START,
        Permission.SITES_POLICY_PUBLISH,
        Permission.SITES_REQUEST_APPROVE,
        Permission.SITES_WINDOW_MANAGE,
    }
)
_SITE = frozenset(
    {
        Permission.SESSIONS_SESSION_END,
        Permission.SESSIONS_SESSION_WATCH,
        Permission.SITES_POLICY_READ,
        Permission.SITES_REQUEST_APPROVE,
        Permission.SITES_WINDOW_MANAGE,
    }
)

RIGHTS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        # Administrators run the console; asking for a session is a specialist's act, not theirs,
        # and what a site says about itself is the site's.
        Role.ADMINISTRATOR: frozenset(Permission)
        - _OF_THE_SITE
        - {Permission.SESSIONS_SESSION_REQUEST},
        Role.AUDITOR: _READ
        | {
            Permission.ACCESS_POLICY_READ,
            Permission.ACCOUNTS_PERSON_READ,
            Permission.JOURNAL_ENTRY_EXPORT,
            Permission.NOTICES_NOTICE_READ,
            Permission.SITES_POLICY_READ,
        },
        Role.MANAGER: _READ
        | {
            Permission.ACCESS_ENTITLEMENT_MANAGE,
            Permission.ACCESS_POLICY_READ,
            Permission.ACCESS_RIGHT_MANAGE,
            Permission.ACCOUNTS_PERSON_READ,
            Permission.ACCOUNTS_PERSON_REVIEW,
            Permission.CASES_CASE_MANAGE,
            Permission.CASES_CASE_TAKE,
            Permission.CASES_REVIEW_CLOSE,
            Permission.DEVICES_DEVICE_ENROL,
            Permission.DEVICES_DEVICE_LOCK,
            Permission.JOURNAL_ENTRY_EXPORT,
            Permission.MONITORING_ALARM_MANAGE,
            Permission.NOTICES_NOTICE_READ,
            Permission.SESSIONS_SESSION_END,
            Permission.SITES_POLICY_READ,
        },
        # The hospital's own people: one approves what is asked, one also runs the site's affairs and
        # answers for its people.
        Role.SITE_APPROVER: _READ | _SITE,
        Role.SITE_MANAGER: _READ
        | _SITE
        | {
            Permission.ACCOUNTS_PERSON_CLOSE,
            Permission.ACCOUNTS_PERSON_READ,
            Permission.ACCOUNTS_PERSON_REVIEW,
            Permission.CASES_REVIEW_CLOSE,
            Permission.DEVICES_DEVICE_LOCK,
            Permission.JOURNAL_ENTRY_EXPORT,
            Permission.MONITORING_ALARM_MANAGE,
            Permission.SITES_BREAK_GLASS_START,
            Permission.SITES_POLICY_PUBLISH,
        },
        Role.SPECIALIST: _READ
        | {
            Permission.ACCESS_POLICY_READ,
            Permission.CASES_CASE_TAKE,
            Permission.SESSIONS_SESSION_END,
            Permission.SESSIONS_SESSION_REQUEST,
            Permission.SITES_POLICY_READ,
        },
    }
)
"""Role to permissions; read-only."""


def permissions(role: Role | None) -> frozenset[Permission]:
    """Return what `role` may do; no role, nothing."""
    return frozenset() if role is None else RIGHTS[role]
