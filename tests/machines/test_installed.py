"""What the pages that install say, word for word, on machines with systemd; and what must then hold.

The tests of this file are one story, told in order: each begins where the one before ended.
"""

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bedside.demo.people import Credentials
from bedside.demo.processes import wait_for
from bedside.testing.operator import Operator
from bedside.vocabulary import Activity
from tests.machines.machine import Machine, Switch, base
from tests.machines.pages import steps
from tests.machines.release import ROOT, about_relay, bring_relay, build, certify, for_a_relay, tree

pytestmark = pytest.mark.timeout(900)

CONSOLE, RELAY, SECOND = "192.0.2.10", "192.0.2.11", "192.0.2.12"
DEVICE, LAPTOP = "192.0.2.50", "192.0.2.60"
HOSTS = f"{CONSOLE} console.example.com\n"
PROFILE = ROOT / "src/bedside/demo/profiles/contrast-injector.toml"
PASSWORD = "violon grange boussole quartz 41"
MARIE = Credentials(password=PASSWORD, totp="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
SUPPORT = "kobalt-7731"
TODAY = datetime.now(UTC).date()  # noqa: TID251 - the machines have their own clocks
WORLD = f"""
[[organisations]]
key = "notre-dame"
name = "Hôpital Notre-Dame"
kind = "site"
country = "CA"
language = "fr"
timezone = "America/Toronto"

[[people]]
email = "marie@bayard.example"
name = "Marie Tremblay"
organisation = "manufacturer"
role = "specialist"
level = 2
country = "US"
vetted_on = "{TODAY}"
language = "en"
password = "{PASSWORD}"
totp = "{MARIE.totp}"
training = [{{ product = "contrast-injector", from = "{TODAY}", until = "{TODAY + timedelta(300)}" }}]

[[devices]]
id = "CI-20417"
product = "contrast-injector"
site = "notre-dame"
display_name = "Injector, room 3"
room = "3"

[[entitlements]]
site = "notre-dame"
from = "{TODAY}"
until = "{TODAY + timedelta(300)}"
"""
# The product's own program, as far as it matters here.
INJECTOR = "#!/bin/sh\necho safe\n"
SIGN_IN = """
import sys
from bedside.demo.people import Credentials
from bedside.testing.browser import Browser
with Browser("https://console.example.com") as browser:
    browser.sign_in("marie@bayard.example", sys.argv[1], Credentials(*sys.argv[1:3]).code)
    browser.allow_program(sys.argv[3])
"""
# A screen of 30 lines by 100 for the panel, named as a console of the machine; what is drawn is kept.
SCREEN = """
import fcntl, os, struct, termios
screen, end = os.openpty()
fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
os.symlink(os.ttyname(end), "/dev/ttyP0")
with open("/run/screen", "ab", buffering=0) as seen:
    while True:
        seen.write(os.read(screen, 65536))
"""
DRAWN = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


class House:
    """The console with its relay, the device, the specialist's computer, a second relay; set up by the pages."""

    def __init__(self, console: Machine, device: Machine, laptop: Machine, second: Machine) -> None:
        self.console, self.device, self.laptop, self.second = console, device, laptop, second

    def words(self, words: str, *, typed: str = "") -> str:
        """Say something to `bedside console`, as root does."""
        return self.console.run(f"bedside console {words}", typed=typed)

    def status(self) -> str:
        """Return what `bedside console status` says, good or not."""
        return self.words("status || true")

    def install_console(self) -> None:
        """Follow install-on-one-machine."""
        page, machine = steps("install-on-one-machine"), self.console
        begin = tree(machine)
        machine.run(begin + page[2][0].text, fetches=True)
        config = machine.folder / "etc/bedside/console.toml"
        config.write_text(page[3][0].text)
        machine.run(page[3][1].text)
        machine.run(page[4][0].text, typed=PASSWORD + "\n")
        machine.run(page[5][0].text)
        site = machine.folder / "opt/tree/deploy/nginx/bedside.conf"
        site.write_text(site.read_text().replace("listen 443", f"listen {CONSOLE}:443"))
        certify(machine, "console")
        machine.run(page[6][0].text)
        machine.run(begin + page[6][1].text)
        machine.run(page[7][0].text)

    def offer(self) -> str:
        """State the world, and offer the device its enrolment; returns the code."""
        folder = self.console.folder / "srv"
        (folder / "world.toml").write_text(WORLD)
        shutil.copyfile(PROFILE, folder / "profile.toml")
        return self.console.run(steps("install-on-one-machine")[8][0].text).split()[-1]

    def install_agent(self, code: str) -> None:
        """Follow install-agent."""
        page, machine = steps("install-agent"), self.device
        begin = tree(machine)
        # A device has no nginx; the disk that all machines start from has.
        machine.run("systemctl disable --now nginx")
        product = machine.folder / "opt/injector"
        for each in ("bin", "state", "inbox"):
            (product / each).mkdir(parents=True)
        (product / "bin/injector").write_text(INJECTOR)
        (product / "bin/injector").chmod(0o755)
        machine.run(begin + page[1][0].text, fetches=True)
        machine.run(page[2][0].text)
        (machine.folder / "etc/bedside/agent.toml").write_text(page[2][1].text)
        keys = self.console.folder / "var/lib/bedside-console"
        shutil.copyfile(PROFILE, machine.folder / "srv/profile.toml")
        for file in ("manufacturer.pem", "in/CI-20417.bundle"):
            shutil.copy(keys / file, machine.folder / "srv")
        machine.run(page[2][2].text)
        machine.run(page[3][0].text.replace("7K2QP-…", code))
        machine.run(page[4][0].text, typed=SUPPORT + "\n")
        assert "Every relay can be reached." in machine.run(page[5][0].text)
        machine.run(begin + page[6][0].text)
        (machine.folder / "srv/screen.py").write_text(SCREEN)
        self.plug_in_screen()
        machine.run(page[7][0].text.replace("tty1", "ttyP0"))

    def plug_in_screen(self) -> None:
        """Give the device what its panel draws on."""
        self.device.start("exec python3 /srv/screen.py")
        wait_for("the screen", self.device.path("/dev/ttyP0").is_symlink)

    def install_laptop(self) -> None:
        """Give the specialist's computer its program, and log in."""
        machine = self.laptop
        begin = tree(machine)
        machine.run(
            begin + "python3 -m venv /opt/bedside\n"
            "/opt/bedside/bin/pip install --require-hashes -r requirements/specialist.lock\n"
            "/opt/bedside/bin/pip install --no-deps dist/bedside-0.1.0-*.whl\n"
            "ln -s /opt/bedside/bin/bedside /usr/local/bin/bedside",
            fetches=True,
        )
        shutil.copyfile(
            self.console.folder / "etc/bedside/tls/console.crt", machine.folder / "srv/console.crt"
        )
        (machine.folder / "srv/sign_in.py").write_text(SIGN_IN)
        self.sign_in()

    def sign_in(self) -> None:
        """Log in as Marie does."""
        machine = self.laptop
        login = machine.start(
            "bedside login https://console.example.com --no-browser --ca /srv/console.crt"
        )
        assert login.stdout is not None
        said = ""
        while not (code := re.search(r"^\s*([A-Z]{4}-[A-Z]{4})\s*$", said, re.MULTILINE)):
            line = login.stdout.readline()
            assert line, said
            said += line
        machine.run(
            "SSL_CERT_FILE=/srv/console.crt /opt/bedside/bin/python /srv/sign_in.py "
            f"'{MARIE.password}' {MARIE.totp} {code[1]}"
        )
        said, _ = login.communicate(timeout=60)
        assert login.returncode == 0, said

    def add_second_relay(self) -> None:
        """Follow install-on-three-machines for a relay on a machine of its own."""
        config = self.console.folder / "etc/bedside/console.toml"
        kept = [line for line in config.read_text().splitlines() if "relay_listen" not in line]
        lines = steps("install-on-three-machines")[1][0].text
        config.write_text(lines + "\n".join(kept))
        self.console.run("systemctl restart bedside-console@live bedside-console@worker")
        bring_relay("b", self.console, self.second, address=SECOND)

    def all_is_well(self) -> bool:
        """Say whether `status` finds nothing that needs a person."""
        return self.status().endswith("All is well.\n")

    def polls_at(self, relay: str) -> bool:
        """Say whether the device polls at this relay, as it says itself."""
        return f"Relay “{relay}” answers." in self.device.run("bedside agent status")

    def operator(self) -> Operator:
        """Stand at the device."""
        return Operator(self.device.path("/run/bedside/panel.sock"))

    def let_in(self, operator: Operator) -> None:
        """Ask for the system, be allowed; from then on `ssh` answers what the device asks."""
        asking = self.laptop.start(
            "bedside request CI-20417 --case C-88213 --reason 'Pressure fault E12 after power cut' "
            "--access system --mode control"
        )
        operator.asked()
        wait_for("the question on the screen", lambda: "Marie Tremblay" in self.drawn())
        code = operator.accept()
        said, _ = asking.communicate(timeout=60)
        assert asking.returncode == 0, said
        answer = self.laptop.folder / "srv/answer"
        answer.write_text(
            f'#!/bin/sh\ncase "$1" in *[Cc]ode*) echo {code} ;; *) echo {SUPPORT} ;; esac\n'
        )
        answer.chmod(0o700)

    def ssh(self, command: str) -> "subprocess.Popen[str]":
        """Run a command on the device, by the real OpenSSH."""
        return self.laptop.start(
            "SSH_ASKPASS=/srv/answer SSH_ASKPASS_REQUIRE=force DISPLAY=none exec ssh "
            f"-F ~/.config/bedside/ssh_config ci-20417 {command!r}"
        )

    def drawn(self) -> str:
        """Return everything that the device's screen has shown, without the colours."""
        return DRAWN.sub(b"", self.device.path("/run/screen").read_bytes()).decode(
            "utf-8", "replace"
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    build()
    debian, folder = base(ROOT / "var" / "machines"), tmp_path_factory.mktemp("machines")
    switch = Switch()
    try:
        with (
            Machine(
                folder / "console", debian,
                switch.plug("console", [f"{CONSOLE}/24", f"{RELAY}/24"]), hosts=HOSTS,
            ) as console,
            Machine(folder / "device", debian, switch.plug("device", [f"{DEVICE}/24"])) as device,
            Machine(
                folder / "laptop", debian, switch.plug("laptop", [f"{LAPTOP}/24"]), hosts=HOSTS
            ) as laptop,
            Machine(
                folder / "second", debian, switch.plug("second", [f"{SECOND}/24"]), hosts=HOSTS
            ) as second,
        ):  # fmt: skip
            yield House(console, device, laptop, second)
    finally:
        switch.end()


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
