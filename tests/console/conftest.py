import pytest
from django.db import connection

from tests.console.migrated import fill
from tests.console.prepared import Prepared
from tests.console.world import DEVICE, enrol, make_world, see


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """This process's database is there before Django looks for it, a copy of the run's."""
    fill(connection.creation._get_test_db_name())


@pytest.fixture(scope="session")
def django_db_keepdb():
    return True


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    return Prepared(tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def world(db, settings, tmp_path, prepared):
    """Sites, people and devices; nothing is enrolled."""
    settings.BEDSIDE_DATA_DIR = tmp_path / "data"
    prepared.have("world", tmp_path, lambda: make_world(settings, tmp_path / "data"))


@pytest.fixture
def fleet(world, tmp_path, prepared):
    """The world, with the injector enrolled and seen at relay a."""
    prepared.have("fleet", tmp_path, lambda: enrol(DEVICE, tmp_path))
    # Seen now, not when the set-up was made.
    see(DEVICE)
