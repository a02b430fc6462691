"""Whoever types a command on the console's machine works on the services' database, as their user."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.console.project.config import DATABASE_VARIABLE
from bedside.console.project.installed import variable_beside
from bedside.language.config_error import ConfigError

ROOT = os.geteuid() == 0
SOMEBODY = 54_321
ADDRESS = "postgresql://bedside:p%40ss@db.example.com/bedside?sslmode=require"
SCRIPT = """
import os, sys
from pathlib import Path
from bedside.console.project.installed import become_owner
become_owner(Path(sys.argv[1]))
print(os.getresuid(), os.getresgid(), os.getgroups())
"""


@pytest.mark.parametrize(
    "line",
    [
        f"BEDSIDE_DATABASE_URL={ADDRESS}",
        f'BEDSIDE_DATABASE_URL="{ADDRESS}"',
        f"  BEDSIDE_DATABASE_URL='{ADDRESS}'  ",
        f"# a comment\n; another\n\nOTHER=1\nBEDSIDE_DATABASE_URL={ADDRESS}\nLAST=",
    ],
)
def test_the_variable_is_read_as_the_units_read_it(tmp_path, line):
    (tmp_path / "console.env").write_text(line + "\n")
    assert variable_beside(tmp_path / "console.toml", DATABASE_VARIABLE) == ADDRESS


def test_without_the_file_or_without_the_variable_there_is_none(tmp_path):
    assert variable_beside(tmp_path / "console.toml", DATABASE_VARIABLE) == ""
    (tmp_path / "console.env").write_text("OTHER=1\n")
    assert variable_beside(tmp_path / "console.toml", DATABASE_VARIABLE) == ""


@pytest.mark.parametrize(
    "line", ["export A=1", "A", "=1", 'A="1', "A=1 2", "a=1", 'A="x\\"y"', f"A={'x' * 70_000}"]
)
def test_a_file_that_is_none_is_refused_and_no_value_of_it_is_said(tmp_path, line):
    (tmp_path / "console.env").write_text(f"SECRET=hidden\n{line}\n")
    with pytest.raises(ConfigError) as refused:
        variable_beside(tmp_path / "console.toml", DATABASE_VARIABLE)
    assert "console.env" in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_a_command_works_on_the_database_that_the_file_names(tmp_path):
    config = tmp_path / "console.toml"
    config.write_text(f'public_url = "http://localhost:8000"\ndata_dir = "{tmp_path}/data"\n')
    (tmp_path / "console.env").write_text("BEDSIDE_DATABASE_URL=mysql://nowhere\n")
    done = subprocess.run(
        [sys.executable, "-m", "bedside", "console", "--config", str(config), "status"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath},
    )
    assert done.returncode == 2
    assert "BEDSIDE_DATABASE_URL: database must be sqlite:///PATH" in done.stderr


@pytest.mark.parametrize("there", [True, False])
def test_root_becomes_the_owner_of_the_folder_and_keeps_nothing(tmp_path, there):
    folder = tmp_path / "data"
    if there:
        folder.mkdir()
        if ROOT:
            os.chown(folder, SOMEBODY, SOMEBODY)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")},  # noqa: TID251
    )
    assert done.returncode == 0, done.stderr
    if ROOT and there:
        assert done.stdout == f"{(SOMEBODY,) * 3} {(SOMEBODY,) * 3} []\n"
    else:
        assert done.stdout == f"{os.getresuid()} {os.getresgid()} {os.getgroups()}\n"
