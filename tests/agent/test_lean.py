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


def test_what_is_annotated_behaves_as_with_the_real_typing():
    code = (
        "from bedside.agent.lean import LateModule\n"
        "from bedside.agent.users import SessionUsers, SystemUser\n"
        "from bedside.protocol.http import HttpLimits\n"
        "from bedside.vocabulary import DeviceId\n"
        "user = SystemUser('a', 1, 2, (3,))\n"
        "print(user, user._replace(uid=5).uid, SessionUsers(user, separate=True).words(service=False),"
        " HttpLimits(head=1), DeviceId('D'),"
        " isinstance(sys.modules['typing'], LateModule))\n"
        "from typing import get_type_hints\n"
        "print(isinstance(sys.modules['typing'], LateModule), get_type_hints.__module__)"
    )
    limits = "HttpLimits(head=1, headers=64, body=262144)"
    assert run(code).splitlines() == [
        f"SystemUser(name='a', uid=1, gid=2, groups=(3,)) 5 a {limits} D True",
        "False typing",
    ]
