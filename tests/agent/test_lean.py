"""Modules that stay away until they are used, in a fresh interpreter like the supervisor's."""

import subprocess
import sys
from pathlib import Path

SOURCE = str(Path(__file__).parents[2] / "src")


def run(code: str) -> str:
    script = f"import sys; sys.path.insert(0, {SOURCE!r}); import bedside.agent.lean\n{code}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_supervisor_loads_none_of_them_and_no_third_party():
    code = (
        "import bedside.agent.supervisor\n"
        "from bedside.agent.lean import LATE, LateModule\n"
        "print([n for n in LATE if not isinstance(sys.modules[n], LateModule)],"
        "[n for n in ('asyncio', 'ast', 'datetime', 'logging', 'subprocess', 'threading',"
        " 'tomllib', 'cryptography', 'asyncssh') if n in sys.modules])"
    )
    assert run(code) == "[] []"


def test_whoever_uses_one_gets_the_real_one():
    code = (
        "import inspect, pathlib, base64, copy, dataclasses\n"
        "print(inspect.signature(lambda a: a), pathlib.Path('/a b').as_uri(),"
        " base64.b64encode(b'x'), copy.copy([1]), inspect.isfunction(run := print))"
    )
    assert run(code) == "(a) file:///a%20b b'eA==' [1] False"
