"""What is done in a fork is done as if by a program of its own."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.console import migrated
from tests.console.standing import Standing

WAITER = """
import time
from pathlib import Path
while not Path({mark!r}).exists():
    time.sleep(0.02)
print("seen")
"""
SAY = """
from django.conf import settings
print(settings.CONFIG.manufacturer)
"""


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("standing")
    (folder / "console.toml").write_text(
        f'public_url = "http://localhost"\ndata_dir = "{folder}/data"\n'
        f'manufacturer = "Bayard Imaging"\n{migrated.line(folder / "data")}\n'
    )
    standing = Standing(folder / "console.toml")
    yield standing
    standing.end()


def test_what_it_prints_is_returned_and_its_console_is_the_configured_one(standing):
    assert standing.script(SAY) == "Bayard Imaging\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('so far'); 1 / 0", "so far\n(.|\n)*ZeroDivisionError"),
        ("print('so far'); raise SystemExit(3)", "^so far"),
        ("raise SystemExit('not here')", "^not here"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "it was killed"),
    ],
)
def test_what_fails_is_a_failed_test_and_the_next_script_runs(standing, code, said):
    with pytest.raises(AssertionError, match=said):
        standing.script(code)
    assert standing.script("raise SystemExit(0)") == ""


def test_one_script_leaves_nothing_to_the_next_and_several_run_at_once(standing, tmp_path):
    standing.script("import sys; sys.left = 1")
    assert standing.script("import sys; print(hasattr(sys, 'left'))") == "False\n"
    mark = tmp_path / "mark"
    with ThreadPoolExecutor(1) as threads:
        waiter = threads.submit(standing.script, WAITER.format(mark=str(mark)))
        standing.script(f"open({str(mark)!r}, 'w').close()")
        assert waiter.result() == "seen\n"
