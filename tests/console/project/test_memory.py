"""What a web process does once, when it has started."""

import subprocess
import sys

SCRIPT = """
import gc, sys, warnings
warnings.simplefilter("ignore")
from bedside.console.project import wsgi
assert "bedside.console.pages.views.fleet" in sys.modules
assert "bedside.console.project.api" in sys.modules
print(gc.get_freeze_count(), len(gc.get_objects()))
"""


def test_what_is_loaded_is_out_of_the_collector_s_sight():
    environment = {"DJANGO_SETTINGS_MODULE": "bedside.console.project.settings"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment, capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    frozen, searched = map(int, done.stdout.split())
    assert frozen > 10 * searched
