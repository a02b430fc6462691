import pytest

from tests.console.world import DEVICE, enrol, make_world


@pytest.fixture
def world(db, settings, tmp_path):
    """Sites, people and devices; nothing is enrolled."""
    make_world(settings, tmp_path / "data")


@pytest.fixture
def fleet(world, tmp_path):
    """The world, with the injector enrolled and seen at relay a."""
    enrol(DEVICE, tmp_path)
