"""Migrations expand before they contract: the last release's code runs over this tree's schema.

While hosts are upgraded one after the other, old code reads and writes the new schema. So the previous
release (`tools/previous_release.toml`) is taken out of the repository, a database is made by this
tree's migrations, and the old code is let loose on it:

1. Every column that it knows must be there; no other column may need a value that it does not give.
2. It makes its first steps: `init`, a relay, an administrator, and its journal verifies.

A clone without that commit (a shallow one) says so, and how to fetch it; nothing was checked then, and
the exit code is 0, or 1 with `--strict`. Nothing here needs the network.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

TREE = Path(__file__).parent.parent
RECORD = Path(__file__).with_name("previous_release.toml")
COMMIT = re.compile(r"[0-9a-f]{40}")
STEPS = (
    ("init",),
    ("add-relay", "a", "--host", "127.0.0.1", "--server-name", "a.example"),
    ("create-administrator", "old@code.example", "--name", "Old", "--manufacturer", "Old"),
    ("journal", "verify"),
)
PASSWORD = "of the old code only, for once\n"  # noqa: S105 - of a database that is thrown away
# Run by the old code's interpreter, with its own models.
COLUMNS = """
import json
import bedside, django
django.setup()
from django.apps import apps
from django.db import connection
faults = []
with connection.cursor() as cursor:
    tables = connection.introspection.table_names(cursor)
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        if table not in tables:
            faults.append(f"{table}: the table is gone")
            continue
        there = {c.name: c for c in connection.introspection.get_table_description(cursor, table)}
        known = {f.column for f in model._meta.concrete_fields}
        faults += [f"{table}.{name}: the column is gone" for name in sorted(known - set(there))]
        faults += [
            f"{table}.{name}: new, and needs a value that old code does not give"
            for name, column in sorted(there.items())
            if name not in known and not column.null_ok and column.default is None
        ]
        was = {f.column: f for f in model._meta.concrete_fields}
        faults += [
            f"{table}.{name}: was allowed to be empty, and is not any more"
            for name, column in sorted(there.items())
            if name in was and was[name].null and not column.null_ok and not was[name].primary_key
        ]
print(json.dumps([bedside.__file__, faults]))
"""


def main(argv: list[str]) -> int:
    """Check against the recorded release; 0 where old code gets along or there is none."""
    parser = argparse.ArgumentParser(prog="python -m tools.expand", description=__doc__)
    parser.add_argument(
        "--strict", action="store_true", help="a release that is not here is a failure"
    )
    strict = parser.parse_args(argv).strict
    release = previous_release(RECORD)
    if release is None:
        print("no release yet: there is no old code that could run over this schema")
        return 0
    version, commit = release
    with tempfile.TemporaryDirectory(prefix="bedside-expand-") as folder:
        old = Path(folder) / "old"
        if not take_out(TREE, commit, old):
            print(f"NOT CHECKED: {version} ({commit[:12]}) is not in this clone; fetch it with")
            print(f"  git fetch --depth 1 origin {commit}")
            return int(strict)
        faults = faults_of(old / "src", TREE / "src", Path(folder) / "world")
    for fault in faults:
        print(f"{version} cannot run beside this tree: {fault}")
    return int(bool(faults))


def previous_release(record: Path) -> tuple[str, str] | None:
    """Return version and commit of the last release; ValueError for a record that is neither full nor empty."""
    told = tomllib.loads(record.read_text("utf-8"))
    if not told:
        return None
    version, commit = told.pop("version", None), told.pop("commit", None)
    if told or not isinstance(version, str) or not COMMIT.fullmatch(str(commit)):
        raise ValueError(f"{record} names a version and a commit of 40 digits, and nothing else")
    return version, str(commit)


def take_out(repository: Path, commit: str, to: Path) -> bool:
    """Write the tree of a commit into a new folder; False where the clone has no such commit."""
    done = subprocess.run(
        ["git", "-C", str(repository), "archive", "--format=tar", commit, "src"],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        return False
    to.mkdir(parents=True)
    subprocess.run(["tar", "--extract", "--directory", to], input=done.stdout, check=True)
    return True


def faults_of(
    old: Path, new: Path, world: Path, *, steps: tuple[tuple[str, ...], ...] = STEPS
) -> list[str]:
    """Return what old code cannot do over the new schema, in words.

    Args:
        old: the `src` of the release that still runs.
        new: the `src` whose migrations make the schema.
        world: a folder for the database; what an earlier schema left there is brought to the new one.
        steps: what the old code is asked to do afterwards.
    """
    world.mkdir(parents=True, exist_ok=True)
    config = world / "console.toml"
    config.write_text(f'public_url = "http://localhost:8000"\ndata_dir = "{world}/data"\n')
    made = _console(new, config, "migrate")
    if made.returncode:
        return [f"the schema cannot be made: {_last(made)}"]
    asked = _run(old, config, "-c", COLUMNS)
    if asked.returncode:
        return [f"the old code does not start: {_last(asked)}"]
    where, faults = json.loads(asked.stdout.splitlines()[-1])
    if not Path(where).is_relative_to(old):
        raise RuntimeError(f"{where} was asked instead of {old}")
    for step in () if faults else steps:
        done = _console(old, config, *step)
        if done.returncode:
            return [f"`{' '.join(step)}`: {_last(done)}"]
    return list(faults)


def _console(source: Path, config: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return _run(source, config, "-m", "bedside", "console", *words)


def _run(source: Path, config: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    ours = {
        "PYTHONPATH": str(source),
        "BEDSIDE_CONSOLE_CONFIG": str(config),
        "DJANGO_SETTINGS_MODULE": "bedside.console.project.settings",
        "LC_ALL": "C.UTF-8",
    }
    return subprocess.run(
        [sys.executable, *words],
        input=PASSWORD,
        env={**os.environ, **ours},  # noqa: TID251 - handed on to a child
        capture_output=True,
        text=True,
        check=False,
    )


def _last(done: "subprocess.CompletedProcess[str]") -> str:
    said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    return said[-1].strip() if said else f"exit {done.returncode}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
