"""A made-up pair of releases: the old one is this tree, the new one has one migration more."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.expand import RECORD, TREE, faults_of, previous_release, take_out

MIGRATION = """
from django.db import migrations, models
class Migration(migrations.Migration):
    dependencies = [("relays", "{after}")]
    operations = [{operation}]
"""
RELAYS = "bedside/console/relays/migrations"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with this tree's schema: what is newer is one migration from here."""
    folder = tmp_path_factory.mktemp("made") / "world"
    assert faults_of(TREE / "src", TREE / "src", folder, steps=()) == []
    return folder


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "world")


def newer(folder: Path, operation: str) -> Path:
    """Return a copy of this tree's sources with one migration more."""
    source = folder / "src"
    shutil.copytree(TREE / "src", source, ignore=shutil.ignore_patterns("static", "__pycache__"))
    after = max((source / RELAYS).glob("0*.py")).stem
    text = MIGRATION.format(after=after, operation=operation)
    (source / RELAYS / "9999_newer.py").write_text(text)
    return source


CONTRACTIONS = {
    'migrations.RemoveField("relay", "ports")': "relays_relay.ports: the column is gone",
    'migrations.RenameField("relay", "host", "address")': "relays_relay.host: the column is gone",
    'migrations.DeleteModel("unseendevice")': "relays_unseendevice: the table is gone",
    'migrations.AddField("relay", "region", models.CharField(max_length=8, default=""))': (
        "relays_relay.region: new, and needs a value that old code does not give"
    ),
    'migrations.AlterField("relay", "seen_ms", models.BigIntegerField(default=0))': (
        "relays_relay.seen_ms: was allowed to be empty, and is not any more"
    ),
}


def test_migrations_that_contract_are_refused_by_the_code_that_still_runs(tmp_path, world):
    new = newer(tmp_path, ", ".join(CONTRACTIONS))
    faults = faults_of(TREE / "src", new, world, steps=())
    assert set(CONTRACTIONS.values()) <= set(faults)


def test_a_migration_that_expands_is_no_trouble_to_it(tmp_path, world):
    field = 'models.CharField(max_length=8, default="", db_default="")'
    new = newer(tmp_path, f'migrations.AddField("relay", "region", {field})')
    assert faults_of(TREE / "src", new, world) == []


def test_what_old_code_cannot_do_is_told_in_its_own_words(tmp_path, world):
    constraint = 'models.CheckConstraint(condition=models.Q(host="x"), name="only_x")'
    new = newer(tmp_path, f'migrations.AddConstraint("relay", {constraint})')
    (fault,) = faults_of(TREE / "src", new, world)
    assert "add-relay" in fault
    assert "only_x" in fault


def test_a_commit_is_taken_out_and_one_that_the_clone_has_not_is_said(tmp_path):
    def git(*words: str) -> str:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        done = subprocess.run(
            ["git", *who, "-C", str(tmp_path), *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("first")
    git("add", ".")
    git("commit", "-qm", "first")
    first = git("rev-parse", "HEAD")
    (tmp_path / "src" / "a.py").write_text("second")
    git("commit", "-qam", "second")
    assert take_out(tmp_path, first, tmp_path / "old")
    assert (tmp_path / "old" / "src" / "a.py").read_text() == "first"
    shallow = tmp_path / "shallow"
    git("clone", "-q", "--depth", "1", f"file://{tmp_path}", str(shallow))
    assert not take_out(shallow, first, tmp_path / "none")


def test_the_record_names_a_release_or_none(tmp_path):
    record = tmp_path / "previous_release.toml"
    commit = "a" * 40
    for text, told in (
        ("# none\n", None),
        (f'version = "1.0"\ncommit = "{commit}"', ("1.0", commit)),
    ):
        record.write_text(text)
        assert previous_release(record) == told
    for wrong in ('version = "1.0"', f'commit = "{commit}"', 'version = "1"\ncommit = "HEAD"'):
        record.write_text(wrong)
        with pytest.raises(ValueError, match="40 digits"):
            previous_release(record)
    previous_release(RECORD)
