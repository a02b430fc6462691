"""The injector's service menu, for a terminal of 60 columns or more."""

import time
from collections.abc import Callable

from bedside.demo.injector import physics
from bedside.demo.injector.store import Store
from bedside.demo.injector.words import WORDS

__all__ = ["Menu"]


class Menu:
    """Reads choices with `ask`, answers with `say`, until the person quits or input ends."""

    def __init__(
        self,
        store: Store,
        *,
        language: str,
        view: bool,
        ask: Callable[[str], str],
        say: Callable[[str], None],
    ) -> None:
        self._store = store
        self._words = WORDS[language]
        self._view = view
        self._ask = ask
        self._say = say
        self._choices: dict[str, tuple[str, Callable[[], None]]] = {
            "1": ("status", self._status),
            "2": ("live", self._live),
            "3": ("events", self._events),
            "4": ("selftest", self._selftest),
            "5": ("zero", self._changing(self._zero)),
            "6": ("clear", self._changing(self._clear)),
        }

    def run(self) -> None:
        """Serve choices until `0` or the end of input."""
        while True:
            self._show()
            try:
                choice = self._ask(self._words["choose"]).strip()
            except EOFError:
                choice = "0"
            if choice == "0":
                self._say(self._words["bye"])
                return
            if choice in self._choices:
                self._choices[choice][1]()
            else:
                self._say(self._words["unknown"])

    def _show(self) -> None:
        title = self._words["view_title" if self._view else "title"]
        self._say(f"\n{title}\n{'=' * len(title)}")
        for key, (name, _) in self._choices.items():
            self._say(f" {key}  {self._words[name]}")
        self._say(f" 0  {self._words['quit']}")

    def _changing(self, act: Callable[[], None]) -> Callable[[], None]:
        def guarded() -> None:
            if self._view:
                self._say(self._words["view_only"])
            else:
                act()

        return guarded

    def _status(self) -> None:
        now = self._store.load()
        rows = (
            ("phase", self._words[now.phase.value]),
            ("fault", self._words[now.fault.value]),
            ("pressure", f"{now.pressure:8.1f} kPa"),
            ("flow", f"{now.flow:8.2f} ml/s"),
            ("temperature", f"{now.temperature:8.1f} °C"),
            ("injections", f"{now.injections:8d}"),
        )
        for name, value in rows:
            self._say(f"  {self._words[name]:<14} {value}")

    def _live(self) -> None:
        for _ in range(5):
            now = self._store.load()
            bar = "#" * min(40, int(abs(now.pressure) / 25))
            self._say(f"  {now.pressure:8.1f} kPa {now.flow:6.2f} ml/s |{bar}")
            time.sleep(1.0)

    def _events(self) -> None:
        for line in self._store.service_log.read_text("utf-8").splitlines()[-10:]:
            self._say(f"  {line}")

    def _selftest(self) -> None:
        now = self._store.load()
        if abs(now.pressure) > 1.0 and now.flow < 0.1:
            self._say(self._words["selftest_bad"].format(pressure=now.pressure))
        else:
            self._say(self._words["selftest_ok"])

    def _zero(self) -> None:
        self._store.change(physics.zero)
        self._store.log("SERVICE pressure sensor zeroed")
        self._say(self._words["zeroed"])

    def _clear(self) -> None:
        try:
            self._store.change(physics.clear_fault)
        except ValueError:
            self._say(self._words["not_cleared"])
            return
        self._store.log("SERVICE fault cleared")
        self._say(self._words["cleared"])
