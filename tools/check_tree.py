"""Refuse what no file of the tree may hold; `python -m tools.check_tree` names each place.

- a package registry's host: an install goes through whatever the reader's client is set up for;
- a path of the machine where a file was written: it exists nowhere else;
- a mark of pending work: it is an issue, or it is done;
- a test that is skipped or expected to fail: what cannot run here is not shown here;
- the marks of an unsolved conflict.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Rule", "faults_in", "main"]

TREE = Path(__file__).parent.parent
EXEMPT = {"LICENSE", "package-lock.json"}
BINARY_SUFFIXES = {".png", ".ico", ".woff2", ".gz", ".mo", ".svg"}


@dataclass(frozen=True)
class Rule:
    """What is refused, in which files, and what to do instead."""

    pattern: re.Pattern[str]
    cure: str
    only: str = ""


def _spoken(*words: str) -> str:
    # Put together here, so that this file keeps its own rules.
    return "".join(words)


_REGISTRIES = "|".join(
    re.escape(_spoken(*parts))
    for parts in (
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("npm", "js.org"),
        ("npm", "js.com"),
        ("deb.de", "bian.org"),
        ("yarn", "pkg.com"),
    )
)
_PATHS = "|".join(
    _spoken("/", name, "/") for name in ("work", "root", "opt/wheels", "opt/" + "pypi")
)
_PENDING = "|".join(
    _spoken(*parts) for parts in (("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK"))
)

RULES = (
    Rule(re.compile(_REGISTRIES), "name the package, not the registry's host"),
    Rule(
        re.compile(rf"(?<![\w.$)}}*])(?:{_PATHS})"),
        "use a path relative to the tree or a temporary folder",
    ),
    Rule(re.compile(rf"\b(?:{_PENDING})\b"), "do it, or file an issue"),
    Rule(
        re.compile(_spoken("Not", r"ImplementedError\b")),
        "use a Protocol or an abstract method",
        ".py",
    ),
    Rule(
        re.compile(r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b"), "run it here", ".py"
    ),
    Rule(re.compile(r"^(?:<{7}|>{7}) "), "solve the conflict"),
)


def faults_in(name: str, text: str) -> list[str]:
    """Return each refused line of a file as `name:line: what is refused; the cure`."""
    if Path(name).name in EXEMPT or Path(name) == Path(__file__).relative_to(TREE):
        return []
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        for rule in RULES:
            match = rule.pattern.search(line)
            if match and name.endswith(rule.only):
                found.append(f"{name}:{number}: {match[0].strip()}: {rule.cure}")
    return found


def main() -> int:
    """Read every file that git knows or would add; return 1 when one breaks a rule."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TREE,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = []
    for name in sorted(set(listed.stdout.split("\0")) - {""}):
        path = TREE / name
        if path.suffix in BINARY_SUFFIXES or not path.is_file():
            continue
        try:
            found += faults_in(name, path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue  # binary: fuzz corpora and captures are read by their own tests
    print("\n".join(found) or "nothing refused")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
