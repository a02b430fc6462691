"""Root for single acts only; in a process of its own, since it changes who that is."""

import json
import os
import subprocess
import sys

CODE = """
import json, os
from bedside.agent.raised import lower, raised
from bedside.agent.users import find_user
here = lambda: (os.getuid(), os.geteuid())
before = here()
lower(None)
assert here() == before
lower(find_user(2_000_000_000))
lowered = here()
try:
    with raised():
        within = here()
        raise KeyError
except KeyError:
    pass
print(json.dumps([before, lowered, within, here(), os.getgroups()]))
"""


def test_lower_then_raised_and_lower_again_whatever_happens_within():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True)
    before, lowered, within, after, groups = json.loads(done.stdout)
    assert within == before
    assert lowered == after
    assert lowered == ([0, 2_000_000_000] if os.geteuid() == 0 else before)
    assert groups == ([] if os.geteuid() == 0 else os.getgroups())
