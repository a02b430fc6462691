"""Which keys this computer takes: each console's host CA and each device's own key, remembered.

1. The host CA of a console is remembered at the first login there, the key of a device at the first
   session on it. What is remembered is a fingerprint.
2. Nothing that a console says replaces either. Another CA or another key is refused; only a person
   replaces it (`bedside trust`).
3. Two devices never share an entry, two consoles neither.
4. A file that cannot be read is refused, not begun anew: whoever could empty it could replace it.

So a console that is owned later cannot put another key in a device's place: OpenSSH is given the
remembered key itself, and no CA to trust (docs/rfd/0011-pinned-keys.md).
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bedside.language import N_, Language, translator
from bedside.language.spelling import spell
from bedside.protocol.shapes import FINGERPRINT
from bedside.specialist.errors import CliError, KeyRefusedError
from bedside.specialist.store import write_private
from bedside.vocabulary import DeviceId

__all__ = ["Trust"]

_MAX_FILE = 4 * 1024 * 1024


class Trust:
    """What this computer remembers of one console; the file is 0600.

    Args:
        path: `trust.json`.
        console: the console's address.
        language: of the sentences in errors.
    """

    def __init__(self, path: Path, console: str, *, language: Language) -> None:
        self._path = path
        self._console = console
        self._say = translator(language, "bedside-cli")

    @property
    def host_ca(self) -> str | None:
        """The fingerprint of the host CA, or None before the first login; raises CliError."""
        found = self._read().get("host_ca")
        return None if found is None else str(found)

    @property
    def devices(self) -> dict[str, str]:
        """The fingerprint of each device's key, by device; raises CliError."""
        return dict(self._read().get("devices", {}))

    def check_host_ca(self, shown: str) -> bool:
        """Take the CA that is remembered, or remember the first; return whether it is the first.

        Raises KeyRefusedError for another one.
        """
        with self._changing() as mine:
            is_first = "host_ca" not in mine
            known = mine.setdefault("host_ca", shown)
        if known != shown:
            raise self._other_ca(known, shown)
        return is_first

    def check_device(self, device: DeviceId, shown: str) -> bool:
        """Take the key that is remembered for a device, or remember the first; whether it is first.

        Raises KeyRefusedError for another one.
        """
        with self._changing() as mine:
            devices = mine.setdefault("devices", {})
            is_first = device not in devices
            known = devices.setdefault(device, shown)
        if known != shown:
            raise self._other_key(device, known, shown)
        return is_first

    def replace_host_ca(self, fingerprint: str) -> None:
        """Remember another host CA, because a person says so."""
        with self._changing() as mine:
            mine["host_ca"] = fingerprint

    def replace_device(self, device: DeviceId, fingerprint: str) -> None:
        """Remember another key for a device, because a person says so."""
        with self._changing() as mine:
            mine.setdefault("devices", {})[device] = fingerprint

    # ---- the file ----

    def _read(self) -> dict[str, Any]:
        mine = self._read_all().get(self._console, {})
        return mine if isinstance(mine, dict) else {}

    def _read_all(self) -> dict[str, Any]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        try:
            read = json.loads(data[:_MAX_FILE])
            if not _is_sound(read):
                raise ValueError("not what was written")
        except ValueError:
            words = self._say(
                N_("{path} cannot be read. It holds the keys that you trust: restore it.")
            )
            raise CliError(words.format(path=self._path)) from None
        sound: dict[str, Any] = read
        return sound

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path.with_name(".trust.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            everything = self._read_all()
            before = json.dumps(everything)
            yield everything.setdefault(self._console, {})
            if json.dumps(everything) != before:
                write_private(self._path, json.dumps(everything, indent=1).encode())
        finally:
            os.close(handle)

    # ---- refusals ----

    def _other_ca(self, known: str, shown: str) -> KeyRefusedError:
        say = self._say
        return KeyRefusedError(
            say(
                N_(
                    "The console shows another host CA than the one that this computer knows. "
                    "Whoever does that could stand between you and a device."
                )
            ),
            *self._both(known, shown),
            say(
                N_("Compare it with the printed one. If the new one is right, run: {command}")
            ).format(command=f"bedside trust --host-ca {shown}"),
        )

    def _other_key(self, device: DeviceId, known: str, shown: str) -> KeyRefusedError:
        say = self._say
        return KeyRefusedError(
            say(
                N_(
                    "The key of {device} is not the one that this computer knows. Was the device "
                    "enrolled anew? If not, somebody may stand between you and it."
                )
            ).format(device=device),
            *self._both(known, shown),
            say(
                N_(
                    "Ask the site for the words that `bedside agent host-key` says on the device. "
                    "If they are the new ones, run: {command}"
                )
            ).format(command=f"bedside trust --device {device} --host-key {shown}"),
        )

    def _both(self, known: str, shown: str) -> tuple[str, str]:
        say = self._say
        return (
            say(N_("Known: {fingerprint} ({words})")).format(
                fingerprint=known, words=", ".join(spell(known))
            ),
            say(N_("New: {fingerprint} ({words})")).format(
                fingerprint=shown, words=", ".join(spell(shown))
            ),
        )


def _is_sound(read: Any) -> bool:
    if not isinstance(read, dict):
        return False
    for mine in read.values():
        if not isinstance(mine, dict):
            return False
        devices = mine.get("devices", {})
        if not isinstance(devices, dict):
            return False
        for fingerprint in (*devices.values(), *([mine["host_ca"]] if "host_ca" in mine else [])):
            if not isinstance(fingerprint, str) or not FINGERPRINT.fullmatch(fingerprint):
                return False
    return True
