"""Console and relay on one machine with one address, as install-on-one-machine says for it.

The tests of this file are one story, told in order: each begins where the one before ended.
"""

import pytest

from bedside.demo.processes import wait_for
from tests.machines.house import CONSOLE, DEVICE, HOSTS, LAPTOP, House
from tests.machines.release import booted

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    places = {"console": [CONSOLE], "device": [DEVICE], "laptop": [LAPTOP]}
    with booted(tmp_path_factory.mktemp("machines"), places, hosts=HOSTS, alone={"device"}) as them:
        yield House(*them)


def test_the_page_installs_both_behind_one_address(house):
    house.install_console(one_address=True)
    house.install_agent(house.offer())
    house.install_laptop()
    wait_for("the relay", house.all_is_well)
    assert "0 loaded units listed" in house.console.run("systemctl --failed --no-pager")
    listening = house.console.run("ss --no-header --listening --tcp --processes 'sport = :443'")
    assert "nginx" in listening
    assert "bedside" not in listening


def test_a_session_comes_through_it(house):
    with house.operator() as operator:
        house.let_in(operator)
        said, _ = house.ssh("id -un").communicate(timeout=60)
        assert said == "bedside-session\n"
        operator.stop()
    wait_for("the end at the console", lambda: "Open: 0; somebody is in: 0." in house.status())
