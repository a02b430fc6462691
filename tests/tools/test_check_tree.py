"""What no file may hold is refused, with its cure."""

import pytest

from tools.check_tree import faults_in


@pytest.mark.parametrize(
    "line",
    [
        "https://py" + "pi.org/simple",
        "see /wo" + "rk/notes",
        "# TO" + "DO: later",
        "raise Not" + "ImplementedError",
        "@pytest.mark.sk" + "ip(reason='slow')",
        "<" * 7 + " HEAD",
    ],
)
def test_refused(line):
    (fault,) = faults_in("src/x.py", f"fine\n{line}\n")
    assert fault.startswith("src/x.py:2: ")


@pytest.mark.parametrize("line", ["make work/list", "a workbench", "we todo lists", "doc/root/x"])
def test_accepted(line):
    assert faults_in("src/x.py", line) == []


def test_code_rules_leave_prose_alone():
    assert faults_in("docs/x.md", "Python's Not" + "ImplementedError is not used") == []
