"""`bedside demo`: the whole world on this machine; `bedside demo check` plays it unattended."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from bedside.demo.alone import alone_in
from bedside.demo.check import CheckFailedError, play
from bedside.demo.people import CAST, DEVICE, MARIE
from bedside.demo.processes import Processes, ProgramLostError
from bedside.demo.restarts import Restarts
from bedside.demo.world import World, WorldError
from bedside.language import N_, Language, spoken_language, translator

__all__ = ["keep_running", "main", "next_steps"]


def main(argv: list[str]) -> int:
    """Run the demonstration; returns 0, or 1 with the reason on standard error."""
    language = spoken_language(os.environ)  # noqa: TID251 - its edge
    say = translator(language)
    parser = argparse.ArgumentParser(
        prog="bedside demo",
        description=say(N_("The whole world on this machine; `check` plays it unattended.")),
    )
    parser.add_argument("act", nargs="?", choices=("run", "check", "code"), default="run")
    parser.add_argument("email", nargs="?", help=say(N_("whose code, for the act `code`")))
    parser.add_argument(
        "--folder", type=Path, default=Path("var/demo"), help=say(N_("where the world is kept"))
    )
    # argparse would cut as many letters off as "usage: " has, in any language.
    parser.usage = parser.format_usage().partition(": ")[2].strip()
    given = parser.parse_intermixed_args(argv)
    try:
        if given.act == "check":
            with tempfile.TemporaryDirectory(prefix="bedside-") as folder:
                play(Path(folder), tell=lambda line: print(line, flush=True))
            return 0
        if given.act == "code":
            print(World(given.folder.resolve()).code_of(given.email))
            return 0
        world = World(given.folder.resolve())
        with alone_in(world.folder, language):
            return _run(world, language)
    except (CheckFailedError, ProgramLostError, TimeoutError, WorldError) as error:
        print(f"bedside demo: {error}", file=sys.stderr)
        return 1


def _run(world: World, language: Language) -> int:
    print(_beginning(world, language), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with world, contextlib.suppress(KeyboardInterrupt):
        world.device.break_down()
        world.processes.start(
            "panel-tab",
            [sys.executable, "-m", "bedside.demo.panel_tab", str(world.device.panel_socket),
             str(world.ports.panel)],
        )  # fmt: skip
        print(next_steps(world, language), flush=True)
        restarts = Restarts()
        while True:
            keep_running(world.processes, restarts, language)
            time.sleep(1)
    return 0


def _beginning(world: World, language: Language) -> str:
    say = translator(language)
    if world.built:
        text = N_("Starting the world that is kept in {folder}: console, two relays, an injector.")
        return say(text).format(folder=world.folder)
    return say(N_("Making the world: console, two relays, an injector. It takes a minute, once."))


def keep_running(processes: Processes, restarts: Restarts, language: Language) -> None:
    """Start what has ended again and say so; raises ProgramLostError for what ends again and again."""
    say = translator(language)
    for name, status in processes.ended().items():
        if not restarts.again(name, time.monotonic()):
            text = N_(
                "{program} ended {times} times within a minute, so the demonstration ends. "
                "Its log is {log}; the last lines:"
            )
            sentence = say(text).format(
                program=name, times=restarts.most + 1, log=processes.logs / f"{name}.log"
            )
            raise ProgramLostError(f"{sentence}\n{processes.last_words(name)}")
        text = N_("{program} ended ({status}) and is started again, as a service manager does.")
        print(say(text).format(program=name, status=_how(status)), flush=True)
        processes.restart(name)


def _how(status: int) -> str:
    """Return an exit status as a person would look it up: a signal by its name."""
    return signal.Signals(-status).name if status < 0 else str(status)


def next_steps(world: World, language: Language) -> str:
    """Return what to do now, with every address, password and code that it takes."""
    say = translator(language)
    people = "\n".join(
        f"  {person.name:<16} {person.email:<26} {world.credentials[person.key].password:<34}"
        f" {world.credentials[person.key].totp}"
        for person in CAST
    )
    home, program = world.home(MARIE), Path(sys.executable).with_name("bedside")
    steps = [
        say(N_("The console is at {url}; the panel of the device is at {panel}")).format(
            url=world.console_url, panel=f"http://localhost:{world.ports.panel}"
        ),
        say(N_("People, with e-mail, password and the secret of their code generator:")),
        people,
        say(N_("A code for now, in another terminal: {command}")).format(
            command=f"{program} demo code {MARIE.email} --folder {world.folder}"
        ),
        say(N_("1. Log in as Marie Tremblay on her computer, in another terminal:")),
        f'     export PATH="{program.parent}:$PATH" BEDSIDE_HOME="{home}"',
        f"     bedside login {world.console_url}",
        say(N_("2. Ask for access; then press Allow on the panel and read the code:")),
        f'     bedside request {DEVICE} --access service --mode control --case C-88213 --reason "E12"',
        say(N_("3. Connect; the device asks for its support credential: {credential}")).format(
            credential=world.support_credential
        ),
        f"     bedside ssh {DEVICE}",
        say(N_("4. In the menu: self-test, zero the sensor, clear the fault. Then Stop, or:")),
        f"     bedside end {DEVICE}",
        say(N_("Press Ctrl-C to end everything.")),
    ]
    return "\n\n".join(steps)
