"""A console's database at the size of a large fleet: filled once, kept for half a day, used again."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import say
from tests.postgresql import Cluster

__all__ = ["prepared"]

_TREE = Path(__file__).parent.parent
# What decides what a filled database holds.
_SOURCES = ("tests/console/crowd.py", "tests/console/tour.py", "tests/console/world.py",
            "src/bedside/console/*/migrations/*.py", "src/bedside/console/*/models.py")  # fmt: skip
# Windows, sessions and presence are dated from the filling on.
_KEPT_S = 12 * 3600
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@contextmanager
def prepared(kind: str, sizes: dict[str, int]) -> Iterator[dict[str, str]]:
    """Have Django set up over a filled database; gives what stands for each id of a route.

    Args:
        kind: sqlite or postgresql.
        sizes: for `tests.console.tour.prepare`.
    """
    folder = _folder(kind, sizes)
    done = folder / "things.json"
    if not done.exists() or time.time() - done.stat().st_mtime > _KEPT_S:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    cluster = Cluster(_DURABLE, folder=folder / "server") if kind == "postgresql" else None
    try:
        if cluster and not done.exists():
            cluster.place.create("console")
        _set_up(folder, cluster.place.address("console") if cluster else "")
        if not done.exists():
            done.write_text(json.dumps(_fill(folder, sizes)))
        yield json.loads(done.read_text())
    finally:
        if cluster:
            cluster.halt()


def _folder(kind: str, sizes: dict[str, int]) -> Path:
    """Return the folder of this very content; older ones of the kind are removed."""
    digest = hashlib.sha256(json.dumps(sizes, sort_keys=True).encode())
    for pattern in _SOURCES:
        for path in sorted(_TREE.glob(pattern)):
            digest.update(path.read_bytes())
    # Not in the tree: PostgreSQL's user must reach it, and a socket's path is short.
    home = Path(tempfile.gettempdir()) / f"bedside-bench-{os.getuid()}"
    home.mkdir(mode=0o711, exist_ok=True)
    if home.stat().st_uid != os.getuid():
        raise RuntimeError(f"{home} belongs to somebody else")
    folder = home / f"{kind}-{digest.hexdigest()[:12]}"
    for old in home.glob(f"{kind}-*"):
        if old != folder:
            shutil.rmtree(old)
    return folder


def _set_up(folder: Path, database: str) -> None:
    import django

    config = folder / "console.toml"
    config.write_text(
        f'public_url = "http://localhost"\ndata_dir = "{folder}/data"\ndatabase = "{database}"\n'
        'allowed_hosts = ["testserver"]\n[sign_in]\npasskey_roles = []\n'
        "[api]\ncalls_per_second = 100000\nburst = 100000\n"
    )
    environment = os.environ  # noqa: TID251 - Django reads settings by name
    environment["BEDSIDE_CONSOLE_CONFIG"] = str(config)
    environment["DJANGO_SETTINGS_MODULE"] = "bedside.console.project.settings"
    django.setup()


def _fill(folder: Path, sizes: dict[str, int]) -> dict[str, str]:
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection, transaction

    say(f"filling: {sizes}")
    begun = time.monotonic()
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    call_command("migrate", verbosity=0)
    from tests.console.tour import prepare
    from tests.console.world import DEVICE, enrol, make_world

    with transaction.atomic():
        make_world(settings, folder / "data")
        enrol(DEVICE, folder)
        things = prepare(**sizes)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    say(f"filled in {time.monotonic() - begun:.0f} s")
    return things
