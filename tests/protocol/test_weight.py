"""What the idle supervisor imports stays light: the standard library's small modules only."""

import subprocess
import sys
from pathlib import Path

import bedside

LIGHT = (
    "bedside.pki.contexts",
    "bedside.pki.names",
    "bedside.protocol.http",
    "bedside.protocol.local",
    "bedside.protocol.poll",
)
HEAVY = {
    "asyncio",
    "cryptography",
    "email",
    "gettext",
    "hashlib",
    "http",
    "http.client",
    "logging",
    "random",
    "secrets",
    "subprocess",
    "threading",
    "urllib.request",
}


def test_the_supervisors_modules_load_nothing_heavy():
    source = Path(bedside.__file__).parent.parent
    program = f"""
import sys
sys.path.insert(0, {str(source)!r})
import {", ".join(LIGHT)}
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    assert set(LIGHT) < set(done.stdout.split())
    assert HEAVY.isdisjoint(done.stdout.split())
