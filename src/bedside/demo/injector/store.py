"""Where the simulated injector keeps its state and its event log: one folder, one lock."""

import configparser
import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bedside.demo.injector.physics import Injector

__all__ = ["CANARIES", "Store"]

CANARIES = ("CANARY-TREMBLEMENT Aurore 1931-02-17", "CANARY-OKONKWO Desmond 1958-11-03")
"""Patients who do not exist: whoever finds one outside the device has found a leak (S38)."""

_PATIENT = re.compile(r"patient=.*?(?= \w+=|$)")


class Store:
    """The folder `root`: `state.json`, `trace.csv`, `settings.ini`, and two logs.

    `events.log` names patients and stays on the device; `service.log` says the same without them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    @property
    def events(self) -> Path:
        """The event log, with patients in it: it stays on the device."""
        return self.root / "events.log"

    @property
    def service_log(self) -> Path:
        """The events without patients: this one may leave."""
        return self.root / "service.log"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        handle = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @property
    def language(self) -> str:
        """The language of the injector's own menu: `en` or `fr`."""
        settings = configparser.ConfigParser()
        settings.read(self.root / "settings.ini", encoding="utf-8")
        return settings.get("injector", "language", fallback="en")

    def prepare(self, *, language: str = "en") -> None:
        """Make a device that has been in use for a while, once."""
        if (self.root / "state.json").exists():
            return
        (self.root / "settings.ini").write_text(
            "[injector]\nflow_limit_ml_s = 8.0\npressure_limit_kpa = 2240\n"
            f"language = {language}\n",
            encoding="utf-8",
        )
        self._write(Injector())
        for patient in CANARIES:
            self.log(f"EXAM start patient={patient} protocol=CT-ABDOMEN")
            self.log(f"EXAM end patient={patient} volume_ml=98")

    def load(self) -> Injector:
        """Return the injector as it is now."""
        return Injector.from_dict(json.loads((self.root / "state.json").read_text("utf-8")))

    def change(self, act: Callable[[Injector], Injector]) -> Injector:
        """Apply `act` to the state under the lock and return what came of it."""
        with self._locked():
            after = act(self.load())
            self._write(after)
        return after

    def _write(self, injector: Injector) -> None:
        fresh = self.root / f".state.{os.getpid()}"
        fresh.write_text(json.dumps(injector.to_dict()), encoding="utf-8")
        fresh.replace(self.root / "state.json")

    def log(self, text: str) -> None:
        """Add one line to both logs."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        for log, words in (
            (self.events, text),
            (self.service_log, _PATIENT.sub("patient=removed", text)),
        ):
            with log.open("a", encoding="utf-8") as handle:
                handle.write(f"{stamp} {words}\n")

    def trace(self, injector: Injector) -> None:
        """Add one sample to the pressure trace, started anew past 2,000 samples."""
        path = self.root / "trace.csv"
        if not path.exists() or path.stat().st_size > 80_000:
            path.write_text("t_s,pressure_kpa,flow_ml_s\n", encoding="utf-8")
        with path.open("a", encoding="utf-8") as handle:
            handle.write(f"{injector.since_start},{injector.pressure},{injector.flow}\n")
