"""A console as it is installed on a machine: whose its files are, and the variables beside its file.

The units read `console.env` as root and start as the console's user (systemd.exec(5)). Whoever types a
command as root gets the same of both, so that no command works on another database than the services,
and none leaves a file that they may not read.
"""

import os
import re
from pathlib import Path

from bedside.console.project.config_error import ConsoleConfigError
from bedside.language import N_
from bedside.language.config_error import ConfigError, field_error, file_error

__all__ = ["INSTALLED_CONFIG", "become_owner", "variable_beside"]

INSTALLED_CONFIG = Path("/etc/bedside/console.toml")
"""The configuration where nobody names another."""
_MAX_BYTES = 65_536
_LINE = re.compile(r"""([A-Z_][A-Z0-9_]*)=(?:"([^"\\]*)"|'([^'\\]*)'|([^\s"'\\]*))""")


def variable_beside(config: Path, name: str) -> str:
    """Return a variable of the file `console.env` beside `config`; empty where it has none.

    Lines are `NAME=VALUE`, the value in quotes or without blanks; `#` and `;` begin a comment.

    Raises:
        ConfigError: the file is there and cannot be read, or a line of it is none; says no value.
    """
    path = config.parent / "console.env"
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise file_error(error, str(path)) from error
    try:
        return _variables(data).get(name, "")
    except ConfigError as error:
        raise error.within(str(path)) from error.__cause__


def _variables(data: bytes) -> dict[str, str]:
    if len(data) > _MAX_BYTES:
        raise field_error("size")
    found = {}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if not text or text[0] in "#;":
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise ConsoleConfigError(N_("line {number} is not NAME=VALUE"), number=number)
        found[match[1]] = "".join(match.groups("")[1:])
    return found


def become_owner(folder: Path) -> None:
    """Become the owner of `folder` for good, where this process is root and the owner is not.

    With the owner's groups and no others. HOME is the owner's then: libpq looks there for passwords.
    Nothing changes where the folder is not there yet.

    Raises:
        OSError: root may not here.
    """
    import pwd

    if os.geteuid() != 0:
        return
    try:
        state = folder.stat()
    except FileNotFoundError:
        return
    if state.st_uid == 0:
        return
    try:
        entry = pwd.getpwuid(state.st_uid)
        group, groups = entry.pw_gid, os.getgrouplist(entry.pw_name, entry.pw_gid)
        os.environ["HOME"] = entry.pw_dir  # noqa: TID251 - libpq reads it
    except KeyError:
        # A number without a name is somebody too.
        group, groups = state.st_gid, []
    os.setgroups(groups)
    os.setresgid(group, group, group)
    os.setresuid(state.st_uid, state.st_uid, state.st_uid)
