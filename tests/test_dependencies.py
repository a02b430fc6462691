"""Every direct dependency has its line on the page, and every lock holds hashes and no address."""

import json
import re
import tomllib
from pathlib import Path

import pytest

TREE = Path(__file__).parent.parent
PAGE = (TREE / "docs" / "reference" / "dependencies.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = sorted((TREE / "requirements").glob("*.lock"))


def direct_dependencies():
    groups = [
        *PROJECT["project"]["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    lines = [line for group in groups for line in group if isinstance(line, str)]
    names = {re.split(r"[\[<>=~ ]", line)[0] for line in lines} - {"bedside"}
    package = json.loads((TREE / "package.json").read_text(encoding="utf-8"))
    return sorted(names | package["dependencies"].keys() | package["devDependencies"].keys())


@pytest.mark.parametrize("name", direct_dependencies())
def test_each_dependency_has_its_line(name):
    assert re.search(rf"^\|[^|]*(?<![\w-]){re.escape(name)}(?![\w-])[^|]*\|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_each_locked_version_has_hashes_and_no_address(lock):
    text = lock.read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", text)[1:]
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text
    assert "--index" not in text


def test_locks_hold_the_hashes_of_all_platforms():
    lock = (TREE / "requirements" / "agent.lock").read_text(encoding="utf-8")
    (entry,) = [part for part in re.split(r"\n(?=[a-z0-9])", lock) if part.startswith("crypt")]
    assert entry.count("--hash=sha256:") > 20


def test_the_base_install_depends_on_nothing():
    assert PROJECT["project"]["dependencies"] == []


def test_the_npm_lock_names_no_address():
    lock = json.loads((TREE / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []
