"""The release as it is brought to a machine, built by the words of the page."""

import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.machines.machine import Machine, Switch, base
from tests.machines.pages import steps

__all__ = ["ROOT", "about_relay", "booted", "bring_relay", "certify", "for_a_relay", "tree"]

ROOT = Path(__file__).parents[2]


@contextmanager
def booted(
    folder: Path,
    places: Mapping[str, Sequence[str]],
    *,
    hosts: str,
    alone: Collection[str] = (),
) -> Iterator[list[Machine]]:
    """Build the release and boot machines on one network; they end with the block.

    Args:
        folder: where their disks are made.
        places: each machine's addresses, by its name.
        hosts: further lines of their /etc/hosts.
        alone: those that are not given these lines.
    """
    _build()
    debian, switch = base(ROOT / "var" / "machines"), Switch()
    with ExitStack() as stack:
        stack.callback(switch.end)
        machines = []
        for name, addresses in places.items():
            space = switch.plug(name, [f"{each}/24" for each in addresses])
            known = "" if name in alone else hosts
            machines.append(stack.enter_context(Machine(folder / name, debian, space, hosts=known)))
        yield machines


def _build() -> None:
    """Make `dist` anew, as install-on-one-machine says."""
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    lines = steps("install-on-one-machine")[1][0].text
    subprocess.run(["bash", "-euc", lines], cwd=ROOT, check=True)


def tree(machine: Machine) -> str:
    """Bring the release to a machine; returns how its commands begin there."""
    place = machine.folder / "opt" / "tree"
    for folder in ("requirements", "deploy", "dist"):
        shutil.copytree(ROOT / folder, place / folder, dirs_exist_ok=True)
    return "cd /opt/tree\n"


def for_a_relay(text: str) -> str:
    """Return the lines of a step for a machine that has a relay and no console."""
    lines = [line for line in text.splitlines() if "console.lock" not in line]
    return re.sub(r" \S*bedside-console\S*", "", "\n".join(lines))


def about_relay(name: str, text: str) -> str:
    """Return the lines of a step about relay `a` for another."""
    return re.sub(r"(relays?[-/@]|add-relay )a\b", rf"\g<1>{name}", text)


def certify(machine: Machine, name: str) -> None:
    """Make `name`.key and `name`.crt in /srv, for `name`.example.com, signed by itself."""
    machine.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "
        f"-subj /CN={name}.example.com -addext subjectAltName=DNS:{name}.example.com "
        f"-keyout {name}.key -out {name}.crt"
    )


def bring_relay(name: str, console: Machine, machine: Machine, *, address: str) -> None:
    """Follow install-on-three-machines, step 2, for a relay on a machine of its own."""
    page = [about_relay(name, block.text) for block in steps("install-on-three-machines")[2]]
    console.run(page[0].replace("198.51.100.1", address))
    machine.run(
        tree(machine) + for_a_relay(steps("install-on-one-machine")[2][0].text), fetches=True
    )
    shutil.copytree(
        console.folder / f"var/lib/bedside-console/relays/{name}",
        machine.folder / f"home/admin/relays-{name}",
    )
    machine.run(page[2])
    console.run(page[3])
