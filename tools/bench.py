"""Run one benchmark: `make bench B=NAME`; without a name that there is, say which there are."""

import runpy
import sys
from pathlib import Path

__all__ = ["benchmark_names", "main"]

BENCHES = Path(__file__).parent.parent / "bench"


def benchmark_names() -> list[str]:
    """Return the names of all benchmarks: the files of `bench/` that can be run."""
    return sorted(
        path.stem
        for path in BENCHES.glob("*.py")
        if not path.stem.startswith("_") and "__main__" in path.read_text(encoding="utf-8")
    )


def main(argv: list[str]) -> int:
    """Run the benchmark that `argv` names; return its exit code, 2 where there is none of the name."""
    names = benchmark_names()
    if len(argv) == 1 and argv[0] in names:
        sys.argv = sys.argv[:1]  # the benchmark's own words, and there are none
        runpy.run_module(f"bench.{argv[0]}", run_name="__main__", alter_sys=True)
        return 0
    wrong = f"There is no benchmark {' '.join(argv)}. " if argv else ""
    print(f"{wrong}make bench B=NAME; NAME is one of:", *(f"  {name}" for name in names), sep="\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
