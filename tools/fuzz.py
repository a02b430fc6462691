"""Feed a parser what nobody would send: `make fuzz F=NAME S=SECONDS`.

A target is a module `tests/fuzz/NAME.py` with
- `SEEDS: tuple[bytes, ...]`: a few well-formed inputs;
- `parse(data: bytes) -> None`: gives one input to the parser and catches its named errors.
Whatever else it raises is a fault; the input is kept in `var/fuzz/NAME/` and belongs, once
understood, in `tests/fuzz/corpus/NAME/`, where the tests play it for ever.
atheris (coverage-guided) does the search where it is installed, plain mutation elsewhere.
"""

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["main", "mutations", "seeds_of", "target_names"]

TREE = Path(__file__).parent.parent
TARGETS = TREE / "tests" / "fuzz"
FINDINGS = TREE / "var" / "fuzz"
LONGEST = 64 * 1024
_TELLING = (
    b"\x00",
    b"\xff",
    b"\r\n",
    b'"',
    b"{",
    b"[",
    b"-1",
    b"9" * 20,
    b"\\ud800",
    b"\xed\xa0\x80",
)


def target_names() -> list[str]:
    """Return the names of all targets."""
    return sorted(
        path.stem
        for path in TARGETS.glob("*.py")
        if not path.stem.startswith(("test_", "_", "conftest"))
    )


def seeds_of(name: str, module: Any) -> list[bytes]:
    """Return a target's own seeds and every input that once found a fault."""
    kept = sorted((TARGETS / "corpus" / name).glob("*"))
    return [*module.SEEDS, *(path.read_bytes() for path in kept)]


def mutations(seeds: list[bytes], chance: random.Random) -> Iterator[bytes]:
    """Yield seeds with a few bytes flipped, cut, repeated, spliced or replaced, without end."""
    while True:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 6)):
            _mutate(data, chance.choice(seeds), chance)
        yield bytes(data[:LONGEST])


def _mutate(data: bytearray, other: bytes, chance: random.Random) -> None:
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.randint(0, 16))
    replacements: tuple[Callable[[], bytes], ...] = (
        lambda: b"",
        lambda: chance.randbytes(end - start),
        lambda: bytes(data[start:end]) * chance.randint(2, 40),
        lambda: other[chance.randint(0, len(other)) :],
        lambda: chance.choice(_TELLING),
    )
    data[start:end] = chance.choice(replacements)()


def _keep(name: str, data: bytes) -> Path:
    folder = FINDINGS / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path


def _search_plainly(name: str, seconds: float) -> int:
    module = importlib.import_module(f"tests.fuzz.{name}")
    seeds = seeds_of(name, module)
    until = time.monotonic() + seconds
    tried = 0
    for data in mutations(seeds, random.Random()):
        if time.monotonic() > until:
            break
        tried += 1
        try:
            module.parse(data)
        except Exception:
            print(f"{name}: a fault, kept in {_keep(name, data)}", file=sys.stderr)
            raise
    print(f"{name}: {tried} inputs, no fault")
    return 0


def _search_by_coverage(name: str, seconds: float) -> int:
    atheris = importlib.import_module("atheris")
    with contextlib.ExitStack() as stack:
        stack.enter_context(atheris.instrument_imports(include=["bedside"]))
        module = importlib.import_module(f"tests.fuzz.{name}")
    folder = FINDINGS / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds_of(name, module):
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    options = [
        f"-max_total_time={int(seconds)}",
        f"-artifact_prefix={folder}/",
        f"-max_len={LONGEST}",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], module.parse)
    atheris.Fuzz()  # leaves the process with its own exit code
    return 0


def main(argv: list[str] | None = None) -> int:
    """Fuzz one target for a while; return 0 when nothing was found, 2 where there is none of the name."""
    parser = argparse.ArgumentParser(description="fuzz one parser")
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--seconds", type=float, default=60)
    chosen = parser.parse_args(argv)
    names = target_names()
    if chosen.name not in names:
        wrong = f"There is no target {chosen.name}. " if chosen.name else ""
        print(
            f"{wrong}make fuzz F=NAME S=SECONDS; NAME is one of:",
            *(f"  {n}" for n in names),
            sep="\n",
        )
        return 2
    guided = importlib.util.find_spec("atheris") is not None
    search = _search_by_coverage if guided else _search_plainly
    return search(chosen.name, chosen.seconds)


if __name__ == "__main__":
    sys.exit(main())
