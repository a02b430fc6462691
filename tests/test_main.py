"""The `bedside` command finds its program and loads nothing else."""

import subprocess
import sys
import textwrap

from bedside import __version__
from bedside.__main__ import main


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"bedside {__version__}\n"


def test_the_command_itself_loads_no_program():
    done = run_python(
        """
        import sys, bedside.__main__
        print(sorted(name for name in sys.modules if name.startswith("bedside")))
        """
    )
    assert done.stdout == "['bedside', 'bedside.__main__']\n"


def test_a_program_whose_packages_are_missing_says_what_to_install():
    done = run_python(
        """
        import sys
        import bedside.__main__
        class Absent:
            def find_spec(self, name, path=None, target=None):
                if name == "bedside.panel.cli":
                    raise ModuleNotFoundError("No module named 'textual'", name="textual")
        sys.meta_path.insert(0, Absent())
        sys.exit(bedside.__main__.main(["panel"]))
        """
    )
    assert done.returncode == 3
    assert "pip install --require-hashes -r requirements/panel.lock" in done.stderr
