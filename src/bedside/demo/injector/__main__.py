"""`python -m bedside.demo.injector run|menu|exam|power-cut|safe-state --state DIR`."""

import argparse
import sys
import threading
import time
from pathlib import Path

from bedside.demo.injector import physics
from bedside.demo.injector.diagnostics import diagnostics_server
from bedside.demo.injector.menu import Menu
from bedside.demo.injector.store import Store

SAFE, EXAM_RUNNING = 0, 3
_PERIOD_S = 0.5


def _run(store: Store, port: int) -> int:
    server = diagnostics_server(store, port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    store.log("POWER on")
    while True:
        store.trace(store.change(lambda now: physics.step(now, _PERIOD_S)))
        time.sleep(_PERIOD_S)


def _exam(store: Store, act: str) -> int:
    if act == "start":
        store.change(physics.start_exam)
        store.log("EXAM start")
    else:
        store.change(physics.stop_exam)
        store.log("EXAM end")
    return 0


def _power_cut(store: Store) -> int:
    store.change(lambda now: physics.step(physics.power_cut(now), 0.1))
    store.log("POWER lost and restored; FAULT E12 pressure out of range at zero flow")
    return 0


def main() -> int:
    """Run one verb of the simulated injector; returns the exit status."""
    parser = argparse.ArgumentParser(prog="injector", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="the injector's folder")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("run").add_argument("--port", type=int, default=8104)
    menu = verbs.add_parser("menu")
    menu.add_argument("--view", action="store_true")
    verbs.add_parser("exam").add_argument("act", choices=("start", "stop"))
    verbs.add_parser("power-cut")
    verbs.add_parser("safe-state")
    given = parser.parse_args()
    store = Store(given.state)
    store.prepare()
    if given.verb == "run":
        return _run(store, given.port)
    if given.verb == "exam":
        return _exam(store, given.act)
    if given.verb == "power-cut":
        return _power_cut(store)
    if given.verb == "safe-state":
        return EXAM_RUNNING if store.load().phase is physics.Phase.EXAM else SAFE
    Menu(store, language=store.language, view=given.view, ask=input, say=print).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
