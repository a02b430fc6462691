"""A house on machines with systemd, set up by what the pages that install say, word for word."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

from bedside.demo.people import Credentials
from bedside.demo.processes import wait_for
from bedside.testing.operator import Operator
from tests.machines.machine import Machine
from tests.machines.pages import steps
from tests.machines.release import ROOT, bring_relay, certify, tree

__all__ = ["CONSOLE", "DEVICE", "HOSTS", "LAPTOP", "RELAY", "SECOND", "House"]

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
    """A console with its relay, a device, a specialist's computer, set up by the pages; a second relay's machine."""

    def __init__(
        self, console: Machine, device: Machine, laptop: Machine, second: Machine | None = None
    ) -> None:
        self.console, self.device, self.laptop, self.second = console, device, laptop, second

    def words(self, words: str, *, typed: str = "") -> str:
        """Say something to `bedside console`, as root does."""
        return self.console.run(f"bedside console {words}", typed=typed)

    def status(self) -> str:
        """Return what `bedside console status` says, good or not."""
        return self.words("status || true")

    def install_console(self, *, one_address: bool = False) -> None:
        """Follow install-on-one-machine, where console and relay have an address each or share one."""
        page, machine = steps("install-on-one-machine"), self.console
        begin = tree(machine)
        machine.run(begin + page[2][0].text, fetches=True)
        config = machine.folder / "etc/bedside/console.toml"
        config.write_text(page[3][0].text)
        machine.run(page[3][1].text)
        machine.run(page[4][0].text, typed=PASSWORD + "\n")
        relay, its_first_line = page[5][0].text, page[5][1].text
        machine.run(its_first_line + relay.partition("\n")[2] if one_address else relay)
        site = machine.folder / "opt/tree/deploy/nginx/bedside.conf"
        if not one_address:
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
        assert self.second is not None
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
