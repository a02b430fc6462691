"""The release as it is brought to a machine, built by the words of the page."""

import re
import shutil
import subprocess
from pathlib import Path

from tests.machines.machine import Machine
from tests.machines.pages import steps

__all__ = ["ROOT", "build", "for_a_relay", "tree"]

ROOT = Path(__file__).parents[2]


def build() -> None:
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
