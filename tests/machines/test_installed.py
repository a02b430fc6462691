"""What the pages that install say, word for word, on machines with systemd; and what must then hold.

The tests of this file are one story, told in order: each begins where the one before ended.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.demo.processes import wait_for
from bedside.vocabulary import Activity
from tests.machines.house import CONSOLE, DEVICE, HOSTS, LAPTOP, RELAY, SECOND, House
from tests.machines.machine import Machine
from tests.machines.pages import steps
from tests.machines.release import ROOT, about_relay, booted, for_a_relay

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    places = {
        "console": [CONSOLE, RELAY], "device": [DEVICE], "laptop": [LAPTOP], "second": [SECOND],
    }  # fmt: skip
    with booted(tmp_path_factory.mktemp("machines"), places, hosts=HOSTS, alone={"device"}) as them:
        yield House(*them)


def test_the_pages_install_a_console_a_relay_and_a_device(house):
    house.install_console()
    house.install_agent(house.offer())
    house.install_laptop()
    wait_for("the relay", house.all_is_well)
    for machine in (house.console, house.device):
        assert "0 loaded units listed" in machine.run("systemctl --failed --no-pager")
    assert house.device.run("ss --no-header --listening --tcp --udp") == ""


def test_a_relay_s_certificate_is_renewed(house):
    page = steps("renew-a-relay")
    relay = house.console.path("/var/lib/bedside-relay/a")
    before = (relay / "certificate.pem").read_bytes()
    house.console.run(page[1][0].text + page[2][0].text)
    said = house.console.run(page[3][0].text)
    assert "reload_refused" not in said
    assert (relay / "certificate.pem").read_bytes() != before
    assert not (relay / "check.toml").exists()
    wait_for("the relay", house.all_is_well)


def test_a_session_through_the_units_and_what_it_may_there(house):
    with house.operator() as operator:
        house.let_in(operator)
        said, _ = house.ssh(
            "exec 2>&1; id -un; ls /var/lib/bedside; kill -9 1; unshare -U true;"
            " grep NoNewPrivs /proc/self/status"
        ).communicate(timeout=60)
        assert {"bedside-session", "NoNewPrivs:\t1"} <= set(said.splitlines()), said
        for refused in ("ls: cannot open", "kill: (1) - Operation not permitted", "unshare failed"):
            assert refused in said
        operator.stop()
        operator.wait_for("idle", lambda status: status.activity is Activity.IDLE)


def test_a_session_lives_through_the_console_s_restarts_and_a_relay_s_reload(house):
    with house.operator() as operator:
        house.let_in(operator)
        session = house.ssh("i=0; while :; do echo $i; i=$((i+1)); sleep 0.2; done")
        assert session.stdout is not None
        for act in (
            "systemctl restart bedside-console@live",
            "systemctl restart bedside-console@web bedside-console@worker",
            "systemctl kill --signal=KILL bedside-console@live",
            "systemctl reload bedside-relay@a",
        ):
            house.console.run(act)
            before = session.stdout.readline()
            assert before.strip().isdigit(), before + session.stdout.read()
            wait_for("the console", house.all_is_well)
        operator.stop()
        session.communicate(timeout=60)
        assert session.returncode == 255


def test_the_device_comes_back_after_its_power_was_cut_in_a_session(house):
    with house.operator() as operator:
        house.let_in(operator)
        session = house.ssh("echo here; sleep 600")
        assert session.stdout is not None
        assert session.stdout.readline() == "here\n"
        house.device.cut()
    house.device.boot()
    house.plug_in_screen()
    with house.operator() as operator:
        operator.wait_for("idle", lambda status: status.activity is Activity.IDLE)
    session.communicate(timeout=90)
    assert session.returncode == 255
    wait_for("the end at the console", lambda: "Open: 0; somebody is in: 0." in house.status())
    assert "Session ended" in house.device.run("bedside agent journal")
    house.device.run("bedside agent journal verify")


def test_a_second_relay_on_its_own_machine_takes_the_device_when_the_first_stops(house):
    house.add_second_relay()
    wait_for("the second relay", house.all_is_well)
    wait_for("its address at the device", lambda: SECOND in house.device.run("bedside agent check"))
    at, other = ("a", "b") if house.polls_at("a") else ("b", "a")
    machines = {"a": house.console, "b": house.second}
    machines[at].run(f"systemctl stop bedside-relay@{at}")
    wait_for("the other relay", lambda: house.polls_at(other))
    assert "Polling: 1; overdue: 0;" in house.status()
    with house.operator() as operator:
        house.let_in(operator)
        said, _ = house.ssh("id -un").communicate(timeout=60)
        assert said == "bedside-session\n"
        operator.stop()
    machines[at].run(f"systemctl start bedside-relay@{at}")
    wait_for("both", house.all_is_well)


def test_an_upgrade_and_the_way_back_while_a_session_goes_on(house, tmp_path):
    page = steps("upgrade")
    newer(tmp_path)
    for machine, text in (
        (house.console, page[2][0].text),
        (house.second, for_a_relay(page[2][0].text)),
    ):
        shutil.copytree(tmp_path / "dist", machine.folder / "opt/tree/dist", dirs_exist_ok=True)
        machine.run("cd /opt/tree\n" + text, fetches=True)
    house.console.run("cd /opt/tree\n" + page[2][1].text)
    house.second.run("cd /opt/tree\n" + for_a_relay(page[2][1].text))
    with house.operator() as operator:
        house.let_in(operator)
        session = house.ssh("i=0; while :; do echo $i; i=$((i+1)); sleep 0.2; done")
        assert session.stdout is not None
        house.console.run(page[3][0].text)
        for version in ("0.2.0", "0.1.0", "0.2.0"):
            house.console.run(
                page[4][0].text.replace("0.2.0", version).replace("status", "status || true")
            )
            wait_for("the console", house.all_is_well)
            assert runs_from(house.console, "bedside-console@live") == f"/opt/bedside-{version}"
            line = session.stdout.readline()
            assert line.strip().isdigit(), line + session.stdout.read()
        operator.stop()
        session.communicate(timeout=60)
    for machine, text in (
        (house.console, page[5][0].text),
        (house.second, about_relay("b", page[5][0].text)),
    ):
        machine.run(text)
        wait_for("the relays", house.all_is_well)
        assert "Polling: 1; overdue: 0;" in house.status()
    assert runs_from(house.console, "bedside-relay@a") == "/opt/bedside-0.2.0"
    assert runs_from(house.second, "bedside-relay@b") == "/opt/bedside-0.2.0"


def newer(folder: Path) -> None:
    """Build this tree as the next version into `folder`/dist."""
    copy = folder / "tree"
    for each in ("src", "pyproject.toml", "README.md", "LICENSE"):
        source = ROOT / each
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy / each)
    for each in (copy / "pyproject.toml", copy / "src/bedside/__init__.py"):
        each.write_text(each.read_text().replace('= "0.1.0"', '= "0.2.0"', 1))
    build = (
        "wheel",
        "--quiet",
        "--no-build-isolation",
        "--no-deps",
        "--wheel-dir",
        folder / "dist",
    )
    subprocess.run([sys.executable, "-m", "pip", *build, copy], check=True)


def runs_from(machine: Machine, unit: str) -> str:
    """Return the folder of the program that a unit runs."""
    said = machine.run(f"tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID {unit})/cmdline")
    return str(Path(said.splitlines()[0]).parents[1])


def test_a_backup_brings_a_lost_console_back_to_a_live_session(house):
    page = steps("back-up-the-console", "Every day")
    said = house.console.run("cd /opt/tree\n" + page[1][0].text + page[2][0].text)
    (made,) = re.findall(r"^console-\S+[.]backup$", said, re.MULTILINE)
    house.console.run(
        "install -o bedside-console -m 600 /opt/tree/restore.pem /srv/restore.pem\n"
        "systemctl stop 'bedside-console@*'; rm -r /var/lib/bedside-console; systemd-tmpfiles --create"
    )
    house.words(f"restore /var/backups/bedside/{made} --key /srv/restore.pem")
    house.console.run(
        "systemctl start bedside-console@web bedside-console@live bedside-console@worker"
    )
    wait_for("the console", house.all_is_well)
    house.laptop.run("bedside logout || true")
    house.sign_in()
    with house.operator() as operator:
        house.let_in(operator)
        said, _ = house.ssh("id -un").communicate(timeout=60)
        assert said == "bedside-session\n"
        operator.stop()
