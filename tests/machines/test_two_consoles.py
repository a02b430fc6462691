"""Two console hosts over one PostgreSQL, set up by the words of the pages; what runs on either may stop.

The tests of this file are one story, told in order: each begins where the one before ended.
"""

import re
import shutil
import time

import pytest

from bedside.demo.processes import wait_for
from tests.machines.machine import Machine
from tests.machines.pages import steps
from tests.machines.release import booted, bring_relay, certify, tree

pytestmark = pytest.mark.timeout(900)

ONE, TWO, RELAY, DATABASE = "192.0.2.10", "192.0.2.13", "192.0.2.11", "192.0.2.20"
HOSTS = f"{ONE} console.example.com\n{DATABASE} db.example.com\n"
PASSWORD = "violon grange boussole quartz 41"
ADDRESS = (
    "postgresql://bedside:kestrel-88@db.example.com/bedside?sslrootcert=/etc/bedside/db-ca.pem"
)
UNITS = "bedside-console@web bedside-console@live bedside-console@worker"
# What is the house's own, as it runs its databases: TLS, a password, an address.
HOUSE_DATABASE = """
apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends postgresql
"""
HOUSE_RULES = f"""
install -o postgres -m 600 db.key /var/lib/postgresql/db.key
install -o postgres -m 644 db.crt /var/lib/postgresql/db.crt
cd /etc/postgresql/15/main
echo "listen_addresses = '{DATABASE}'" > conf.d/house.conf
echo "ssl_cert_file = '/var/lib/postgresql/db.crt'" >> conf.d/house.conf
echo "ssl_key_file = '/var/lib/postgresql/db.key'" >> conf.d/house.conf
echo "hostssl bedside bedside 192.0.2.0/24 scram-sha-256" >> pg_hba.conf
systemctl restart postgresql
"""


def changed(text: str, old: str, new: str) -> str:
    """Return a text in which what a page says stands otherwise; it must stand there, once."""
    assert text.count(old) == 1, text
    return text.replace(old, new)


class House:
    """Two consoles, their database, and a relay on a machine of its own."""

    def __init__(self, one: Machine, two: Machine, database: Machine, relay: Machine) -> None:
        self.one, self.two, self.database, self.relay = one, two, database, relay

    def install_database(self) -> None:
        """Follow postgresql, step 2, on the house's own server."""
        self.database.run(HOUSE_DATABASE, fetches=True)
        certify(self.database, "db")
        self.database.run(HOUSE_RULES)
        made = steps("postgresql")[2][0].text.replace("sudo -u postgres", "runuser -u postgres --")
        self.database.run(
            f"cd /\n{made}"
            "runuser -u postgres -- psql -qc \"alter role bedside password 'kestrel-88'\""
        )

    def install_program(self, machine: Machine, *, own: str) -> None:
        """Follow install-on-one-machine, steps 2 and 3, with PostgreSQL; `own` are lines of this host."""
        page = steps("install-on-one-machine")
        text = changed(page[2][0].text, "console.lock", "console-postgresql.lock")
        machine.run(tree(machine) + text, fetches=True)
        config = changed(page[3][0].text, 'relay_listen = "127.0.0.1:8002"\n', own)
        (machine.folder / "etc/bedside/console.toml").write_text(config)
        (machine.folder / "etc/bedside/console.env").write_text(f"BEDSIDE_DATABASE_URL={ADDRESS}\n")
        shutil.copy(self.database.folder / "srv/db.crt", machine.folder / "etc/bedside/db-ca.pem")
        machine.run(page[3][1].text)

    def install_one(self) -> None:
        """Follow install-on-three-machines, step 1."""
        page, machine = steps("install-on-one-machine"), self.one
        self.install_program(machine, own=steps("install-on-three-machines")[1][0].text)
        machine.run(page[4][0].text, typed=PASSWORD + "\n")
        certify(machine, "console")
        machine.run(page[6][0].text)
        machine.run("cd /opt/tree\n" + page[6][1].text)
        machine.run(page[7][0].text.replace(" bedside-relay@a", ""))

    def install_two(self) -> None:
        """Give the second host the program and the same configuration, with addresses of its own."""
        lines = "".join(
            f'{word} = "{TWO}:{port}"\n'
            for word, port in (("listen", 8000), ("live_listen", 8001), ("relay_listen", 8002))
        )
        self.install_program(self.two, own=lines + 'relay_address = "console.example.com:8443"\n')

    def bring_keys(self) -> None:
        """Follow the section on more than one console, step 2."""
        ours, theirs = (each.folder / "var/lib/bedside-console" for each in (self.one, self.two))
        shutil.copytree(ours / "keys", theirs / "keys", dirs_exist_ok=True)
        for name in ("secret.key", "ca.pem", "manufacturer.pem"):
            shutil.copy(ours / name, theirs / name)
        self.two.run(
            "cd /var/lib/bedside-console\n"
            "chown -R bedside-console: keys secret.key ca.pem manufacturer.pem\n"
            "chmod 700 keys && chmod 600 keys/* secret.key ca.pem manufacturer.pem"
        )

    def share(self) -> None:
        """Put nginx before both, and move the relay to the address that they share."""
        place, page = self.one.folder, steps("install-on-three-machines", "More than one console")
        self.one.run(
            "apt-get -qq update && apt-get -qq install --no-install-recommends libnginx-mod-stream",
            fetches=True,
        )
        site, feed = place / "etc/nginx/conf.d/bedside.conf", place / "etc/nginx/bedside-feed.conf"
        shutil.copy(place / "opt/tree/deploy/nginx/bedside-feed.conf", feed)
        for file, ports in ((site, (8000, 8001)), (feed, (8002,))):
            text = file.read_text()
            for port in ports:
                line = f"    server 127.0.0.1:{port} max_fails=1 fail_timeout=5s;\n"
                text = changed(text, line, line + line.replace("127.0.0.1", TWO))
            file.write_text(text)
        with (place / "etc/nginx/nginx.conf").open("a") as whole:
            whole.write(page[4][0].text)
        self.one.run("nginx -t && systemctl restart nginx")
        config = place / "etc/bedside/console.toml"
        shared = changed(config.read_text(), "console.example.com:8002", "console.example.com:8443")
        config.write_text(shared)
        self.one.run("systemctl restart bedside-console@live bedside-console@worker")
        toml = self.relay.folder / "var/lib/bedside-relay/a/relay.toml"
        toml.write_text(changed(toml.read_text(), "port = 8002\n", "port = 8443\n"))
        self.relay.run("systemctl restart bedside-relay@a")

    def status(self, machine: Machine) -> str:
        """Return what `status` says there, good or not."""
        return machine.run("bedside console status || true")

    def all_is_well(self, machine: Machine) -> bool:
        """Say whether `status` there finds nothing that needs a person."""
        return self.status(machine).endswith("All is well.\n")

    def was_asked(self, machine: Machine, since: float) -> bool:
        """Say whether the relay asked after a moment (monotonic seconds), by what `status` says there."""
        asked = re.search(r"a asked (\d+) s ago", self.status(machine))
        return asked is not None and int(asked[1]) + 1 < time.monotonic() - since

    def page(self) -> str:
        """Return the status of the page that people sign in on, through nginx."""
        return self.relay.run(
            "/opt/bedside/bin/python - <<'END'\n"
            "import http.client, ssl\n"
            "context = ssl._create_unverified_context()\n"
            "line = http.client.HTTPSConnection('console.example.com', context=context)\n"
            "line.request('GET', '/account/login/')\n"
            "print(line.getresponse().status)\n"
            "END"
        ).strip()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    places = {"one": [ONE], "two": [TWO], "database": [DATABASE], "relay": [RELAY]}
    with booted(tmp_path_factory.mktemp("machines"), places, hosts=HOSTS) as them:
        yield House(*them)


def test_the_pages_install_a_console_over_a_database_of_the_house(house):
    house.install_database()
    house.install_one()
    bring_relay("a", house.one, house.relay, address=RELAY)
    wait_for("the console", lambda: house.all_is_well(house.one))
    assert "It answers: PostgreSQL." in house.status(house.one)


def test_a_second_host_without_the_keys_is_refused(house):
    house.install_two()
    for word in ("init", "web", "live", "worker"):
        said = house.two.run(f"bedside console {word} 2>&1 && echo done || true")
        assert "Bring keys/, secret.key and ca.pem" in said, said


def test_a_second_host_serves_beside_the_first_and_the_relay_moves_to_both(house):
    house.bring_keys()
    house.two.run(f"systemctl enable --now {UNITS}")
    house.share()
    for machine in (house.one, house.two):
        wait_for("both consoles", lambda machine=machine: house.all_is_well(machine))
        assert "0 loaded units listed" in machine.run("systemctl --failed --no-pager")
    assert house.page() == "200"


@pytest.mark.parametrize("lost", ["one", "two"])
def test_the_processes_of_either_host_may_stop(house, lost):
    gone, there = (house.one, house.two) if lost == "one" else (house.two, house.one)
    gone.run(f"systemctl stop {UNITS}")
    stopped = time.monotonic()
    wait_for("the page", lambda: house.page() == "200")
    wait_for("a question there", lambda: house.was_asked(there, stopped))
    wait_for("all that is left", lambda: house.all_is_well(there))
    gone.run(f"systemctl start {UNITS}")
    wait_for("both", lambda: house.all_is_well(gone))
