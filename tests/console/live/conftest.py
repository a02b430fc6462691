import pytest

from tests.console.live.world import LiveDevice, LiveRelay


@pytest.fixture
def device(fleet, tmp_path):
    """The enrolled injector."""
    return LiveDevice.load(tmp_path)


@pytest.fixture
def relay(fleet):
    """Relay a, with a key of its own."""
    return LiveRelay.make("a")
