"""What every benchmark needs: a figure on a line, medians, CPU of process trees, C on demand.

A benchmark prints `name value unit` lines on standard output and nothing else there; what it does
meanwhile it says on standard error. Peers run in the same run, round by round, so that a noisy
machine moves both; ratios are the median of the rounds' ratios.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "compile_c",
    "cpu_seconds",
    "median",
    "report",
    "say",
    "tree_pids",
    "tree_rss_mib",
    "work_folder",
]

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_BUILD = Path(__file__).parent.parent / "var" / "bench"


def report(name: str, value: float, unit: str) -> None:
    """Print one figure with as many digits as mean something."""
    print(f"{name} {value:.4g} {unit}", flush=True)


def say(sentence: str) -> None:
    """Tell whoever watches what goes on."""
    print(sentence, file=sys.stderr, flush=True)


def median(values: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def tree_pids(pid: int) -> list[int]:
    """Return `pid` and all its descendants that are alive now."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int(_stat(int(entry.name))[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU seconds (user and system) of these processes, their descendants included.

    What waited-for children have used counts too. The clock has a grain of 10 ms.
    """
    ticks = 0
    for root in pids:
        for pid in tree_pids(root):
            ticks += sum(int(field) for field in _stat(pid)[11:15])
    return ticks / _TICKS_A_SECOND


def tree_rss_mib(pid: int) -> float:
    """Return the resident memory of a process and its descendants, shared pages counted in each."""
    pages = 0
    for each in tree_pids(pid):
        pages += int(Path(f"/proc/{each}/statm").read_text("ascii").split()[1])
    return pages * _PAGE / 2**20


def compile_c(source: Path, *libraries: str) -> Path:
    """Compile one C file, or a folder of them, when newer than its program; return the program."""
    parts = sorted(source.glob("*.[ch]")) if source.is_dir() else [source]
    program = work_folder() / source.stem
    newest = max(part.stat().st_mtime for part in parts)
    if not program.exists() or program.stat().st_mtime < newest:
        flags = ["-O2", "-Wall", "-Wextra", "-pthread"]
        links = [f"-l{library}" for library in libraries]
        units = [part for part in parts if part.suffix == ".c"]
        subprocess.run(["cc", *flags, "-o", program, *units, *links], check=True)
    return program


def work_folder() -> Path:
    """Return a folder for what a benchmark builds and leaves; `make reset` removes it."""
    _BUILD.mkdir(parents=True, exist_ok=True)
    return _BUILD


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on: state, parent, ..."""
    text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    return text.rpartition(")")[2].split()
