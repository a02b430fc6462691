"""Users of the operating system as numbers: whom the worker and a session's processes become.

Names are looked up once, when the configuration is read; what is passed on needs no look-up. Only
the standard library is imported: the idle supervisor and the leash load this module.
"""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

__all__ = ["SAME_USER", "SessionUsers", "SystemUser", "become", "find_user"]

SAME_USER = "same user"
"""What the journal says where a session's commands have no user of their own."""
_MAX_ID = 2**32 - 2


class SystemUser(NamedTuple):
    """A user, with the groups that come with it; `name` is what the configuration calls it."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    @classmethod
    def from_json(cls, value: Sequence[Any] | None) -> Self | None:
        """Return what `json.dumps` made of a user, or of None."""
        return None if value is None else cls(value[0], value[1], value[2], tuple(value[3]))


class SessionUsers(NamedTuple):
    """As whom the processes of a session run.

    Args:
        commands: shell, commands and service application; None is whoever started them.
        service: the service application's own user, where the product needs another one.
        separate: `commands` is nobody else's: whatever runs as it belongs to a session.
    """

    commands: SystemUser | None = None
    service: SystemUser | None = None
    separate: bool = False

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> Self:
        """Return what `json.dumps` made of it."""
        return cls(SystemUser.from_json(value[0]), SystemUser.from_json(value[1]), value[2] is True)

    def words(self, *, service: bool) -> str:
        """Return what the journal says of a session's processes: a user's name, or SAME_USER."""
        if service and self.service is not None:
            return self.service.name
        return self.commands.name if self.commands is not None and self.separate else SAME_USER


def find_user(given: str | int) -> SystemUser:
    """Return the user of this name, or of this number whether it has a name or not.

    Raises KeyError when there is no such user.
    """
    import pwd

    try:
        entry = pwd.getpwnam(given) if isinstance(given, str) else pwd.getpwuid(given)
    except KeyError:
        if isinstance(given, str) or not 0 <= given <= _MAX_ID:
            raise
        return SystemUser(str(given), given, given, ())
    except OverflowError:
        raise KeyError(given) from None
    groups = tuple(sorted(os.getgrouplist(entry.pw_name, entry.pw_gid)))
    return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid, groups)


def become(user: SystemUser) -> None:
    """Become `user` for good, with its groups and no others; raises OSError where that may not be."""
    os.setgroups(user.groups)
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)
