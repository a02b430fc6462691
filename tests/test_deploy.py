"""What is handed to whoever installs: units, users, nginx, compose; each as far as a machine can try it."""

import configparser
import http.server
import re
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from bedside.console.cli import WORDS
from bedside.console.health.judge import _ROOT_DAYS
from bedside.console.project.config import parse_config
from bedside.demo.processes import free_port, wait_for
from bedside.relay.cli import _parser

DEPLOY = Path(__file__).parents[1] / "deploy"
NAMES = ("web", "live", "worker")
# systemd's own sum of what a unit could do to the machine: 0 nothing, 100 everything.
UNITS = {
    "bedside-agent.service": 60,
    "bedside-backup.service": 15,
    "bedside-console@web.service": 15,
    "bedside-panel@tty1.service": 15,
    "bedside-relay@a.service": 20,
}


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_held_to_what_it_needs(name, tmp_path):
    source = re.sub("@.*[.]", "@.", name)
    shutil.copy(DEPLOY / "systemd" / source, tmp_path / name)
    words = ["systemd-analyze", "security", "--no-pager", "--offline=true"]
    done = subprocess.run(
        [*words, f"--threshold={UNITS[name]}", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


def test_the_page_says_what_each_alert_means_and_what_to_do():
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"]]
    page = (DEPLOY.parent / "docs" / "howto" / "monitor.md").read_text()
    rows = re.findall(r"^\| `(Bedside\w+)` \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)
    assert sorted(rows) == sorted(alerts)
    expressions = {r["alert"]: r["expr"] for group in groups for r in group["rules"]}
    assert f"{_ROOT_DAYS} * 86400" in expressions["BedsideRootEnds"]


def test_nobody_is_told_to_install_by_a_name_of_a_public_index():
    root = DEPLOY.parent
    sources = [*root.glob("docs/*/*.md"), *root.glob("src/**/*.py"), root / "README.md"]
    told = [each for each in sources if re.search(r"pip install '?bedside", each.read_text())]
    assert told == []


def unit(name: str) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str
    parser.read(DEPLOY / "systemd" / name)
    return dict(parser["Service"])


def test_what_the_units_start_exists():
    console = unit("bedside-console@.service")
    assert console["ExecStart"].endswith("console --config /etc/bedside/console.toml %i")
    assert set(NAMES) <= {word.split()[0] for word, _ in WORDS}
    relay = unit("bedside-relay@.service")["ExecStart"].split()
    assert relay[:2] == ["/opt/bedside/bin/bedside", "relay"]
    assert _parser().parse_args(relay[2:]).word == "run"
    panel = unit("bedside-panel@.service")["ExecStart"].split()
    assert panel[:3] == ["/opt/bedside/bin/bedside", "panel", "--socket"]
    assert unit("bedside-relay@.service")["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_a_storm_at_a_relay_is_in_the_log_and_not_without_end():
    relay = unit("bedside-relay@.service")
    assert relay["LogRateLimitIntervalSec"] == "30s"
    # Some hundreds of refused handshakes a second are more than journald's own 10,000.
    assert 10_000 < int(relay["LogRateLimitBurst"]) <= 1_000_000


def test_prometheus_asks_the_admin_addresses_that_the_page_configures():
    page = (DEPLOY.parent / "docs" / "howto" / "monitor.md").read_text()
    told = re.findall(r'^(?:admin|web|live|worker) = "([^"]+)"$', page, re.MULTILINE)
    asked = re.findall(r'"([\d.]+:\d+)"', "".join(re.findall(r"targets: (.*)", page)))
    assert len(told) == 4
    assert set(told) <= set(asked)
    ports = {each.rpartition(":")[2] for each in asked}
    for line in re.findall(r"tcp dport \{(.*)\}", page):
        assert set(line.replace(" ", "").split(",")) == ports
    assert not [port for port in ports if 9100 <= int(port) < 10_000]


def test_each_lock_that_a_page_or_a_sentence_names_is_there():
    root = DEPLOY.parent
    sources = [*root.glob("docs/howto/*.md"), *root.glob("src/**/*.py")]
    named = {
        name
        for each in sources
        for name in re.findall(r"requirements/[\w-]+[.]lock", each.read_text())
    }
    assert "requirements/tracing.lock" in named
    assert [name for name in named if not (root / name).exists()] == []
    assert "requirements/all.lock" not in named


def test_each_user_of_a_unit_is_made_and_owns_its_folder():
    for name in ("console", "relay"):
        user = unit(f"bedside-{name}@.service")["User"]
        assert f"u {user} " in (DEPLOY / f"sysusers.d/bedside-{name}.conf").read_text()
        assert f"/var/lib/{user} " in (DEPLOY / f"tmpfiles.d/bedside-{name}.conf").read_text()


def test_the_daily_backup_is_a_command_that_exists_into_a_folder_that_is_made():
    console, backup = unit("bedside-console@.service"), unit("bedside-backup.service")
    assert backup["User"] == console["User"]
    assert backup["EnvironmentFile"] == console["EnvironmentFile"]
    begin = console["ExecStart"].removesuffix("%i")
    assert f"exec {begin}backup {backup['ReadWritePaths']}/" in backup["ExecStart"]
    made = (DEPLOY / "tmpfiles.d/bedside-console.conf").read_text()
    assert f"d {backup['ReadWritePaths']} 0700 {backup['User']} " in made
    (when,) = re.findall(
        "^OnCalendar=(.*)$", (DEPLOY / "systemd/bedside-backup.timer").read_text(), re.MULTILINE
    )
    subprocess.run(["systemd-analyze", "calendar", when], check=True, capture_output=True)


def test_an_image_makes_of_the_agent_s_users_and_folders_what_the_page_makes():
    page = (DEPLOY.parent / "docs/howto/install-agent.md").read_text()
    users = (DEPLOY / "sysusers.d/bedside-agent.conf").read_text()
    made = re.findall(r"useradd --system --home-dir (\S+) .* (\S+)$", page, re.MULTILINE)
    assert len(made) == 3
    for home, user in made:
        assert re.search(rf'^u {user} +- ".*" +{home} +-$', users, re.MULTILINE), user
    folders = (DEPLOY / "tmpfiles.d/bedside-agent.conf").read_text()
    assert re.findall(r"^d (\S+) ", folders, re.MULTILINE) == ["/var/lib/bedside", "/etc/bedside"]


# ---- nginx ----


class Peer(http.server.BaseHTTPRequestHandler):
    """Says which of the two it is, and what it was told of the client."""

    def do_GET(self):
        told = f"{self.server.label} {self.headers['X-Forwarded-For']} {self.headers['X-Forwarded-Proto']}"
        self.send_response(200)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told.encode())

    def log_message(self, *_):
        pass


@contextmanager
def peer(label: str):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Peer) as server:
        server.label = label
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def nginx(folder: Path, web: int, live: int, feed: int):
    """Run nginx with the files as they are handed out, but for addresses and the certificate."""
    certificate(folder)
    ports = {"http": free_port(), "https": free_port(), "feed": free_port()}
    http_text = placed(
        "bedside.conf",
        {
            "127.0.0.1:8000": f"127.0.0.1:{web}",
            "127.0.0.1:8001": f"127.0.0.1:{live}",
            "/etc/bedside/tls": str(folder),
            "listen 80;": f"listen 127.0.0.1:{ports['http']};",
            "listen 443 ": f"listen 127.0.0.1:{ports['https']} ",
        },
    )
    stream_text = placed(
        "bedside-feed.conf",
        {
            "127.0.0.1:8002": f"127.0.0.1:{feed}",
            "listen 8443;": f"listen 127.0.0.1:{ports['feed']};",
        },
    )
    (folder / "nginx.conf").write_text(
        f"load_module /usr/lib/nginx/modules/ngx_stream_module.so;"
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;"
        f"events {{}} http {{ access_log off; {temporary(folder)}\n{http_text} }} stream {{ {stream_text} }}"
    )
    words = ["/usr/sbin/nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    tried = subprocess.run([*words, "-t"], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        wait_for("nginx", lambda: listens(ports["https"]))
        yield ports
    finally:
        process.terminate()
        process.wait(60)


def placed(name: str, changes: dict[str, str]) -> str:
    text = (DEPLOY / "nginx" / name).read_text()
    # One address is enough to try it; the machine may have no IPv6.
    text = re.sub(r"\n *listen \[::\].*", "", text)
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def temporary(folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def certificate(folder: Path) -> None:
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=console.example.com",
            "-addext", "subjectAltName=DNS:console.example.com",
            "-keyout", str(folder / "console.key"), "-out", str(folder / "console.crt"),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip


def ask(folder: Path, port: int, path: str, **headers: str) -> str:
    context = ssl.create_default_context(cafile=folder / "console.crt")
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="console.example.com") as link,
    ):
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        line = (
            f"GET {path} HTTP/1.1\r\nHost: console.example.com\r\n{more}Connection: close\r\n\r\n"
        )
        link.sendall(line.encode())
        answer = b""
        while data := link.recv(4096):
            answer += data
    return answer.partition(b"\r\n\r\n")[2].decode()


def test_nginx_gives_pages_to_web_streams_to_live_and_relays_to_the_feed(tmp_path):
    with (
        peer("web") as web,
        peer("live") as live,
        peer("feed") as feed,
        nginx(tmp_path, web, live, feed) as ports,
    ):
        told = ask(tmp_path, ports["https"], "/fleet/", X_Forwarded_For="203.0.113.9")
        assert told == "web 127.0.0.1 https"
        for path in ("/live/fleet/events", "/api/v1/sessions/01K9QZ8M7Y3N5T0V2X4B6D8F1H/events"):
            assert ask(tmp_path, ports["https"], path).startswith("live ")
        assert ask(tmp_path, ports["https"], "/api/v1/sessions/").startswith("web ")
        assert b"feed" in plainly(ports["feed"], "/")
        assert b"https://console.example.com/x" in plainly(ports["http"], "/x")


def plainly(port: int, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as link:
        link.sendall(f"GET {path} HTTP/1.0\r\nHost: console.example.com\r\n\r\n".encode())
        return b"".join(iter(lambda: link.recv(4096), b""))


# ---- compose ----

COMPOSE = DEPLOY / "compose"
PAGE = DEPLOY.parent / "docs/howto/install-on-one-machine.md"


def services() -> dict:
    return yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]


def console_config():
    return parse_config((COMPOSE / "console.toml").read_bytes())


def test_the_compose_file_starts_what_exists_on_the_ports_that_its_files_name():
    known = {word.split()[0] for word, _ in WORDS}
    assert {services()[name]["command"][-1] for name in ("init", *NAMES)} <= known
    for name in NAMES:
        assert services()[name]["read_only"] is True
        assert services()[name]["cap_drop"] == ["ALL"]
    config = console_config()
    assert config.trusted_proxies == 1
    assert config.relay_listen.endswith(":8002")
    assert config.relay_address == "console.example.com:8002"


def test_the_console_starts_after_init_and_init_after_a_database_that_takes_connections():
    # The socket answers while the image still makes the database; init comes by TCP.
    assert "--host 127.0.0.1" in " ".join(services()["database"]["healthcheck"]["test"])
    ready = {"database": {"condition": "service_healthy"}}
    assert services()["init"]["depends_on"] == ready
    for name in NAMES:
        done = {"init": {"condition": "service_completed_successfully"}}
        assert services()[name]["depends_on"] == ready | done


def test_each_container_is_asked_at_the_admin_address_that_its_configuration_names():
    for name in NAMES:
        asked = services()[name]["healthcheck"]["test"]
        assert f"http://{getattr(console_config().admin, name)}/readyz" in asked[-1]


def test_no_container_s_log_fills_the_disk():
    assert {each["logging"]["options"]["max-size"] for each in services().values()} == {"10m"}


def test_one_service_builds_the_image_and_no_registry_is_asked_for_it():
    built = {name for name, each in services().items() if "build" in each}
    assert built == {"init"}
    for name in ("init", *NAMES):
        assert (services()[name]["image"], services()[name]["pull_policy"]) == ("bedside", "never")


def test_nginx_between_containers_is_the_plain_one_that_asks_again_where_they_are():
    """A container that starts anew may have another address; nginx would keep the first one."""
    config = console_config()
    text = (DEPLOY / "nginx/bedside.conf").read_text()
    for name, listen in (("web", config.listen), ("live", config.live_listen)):
        port = listen.rpartition(":")[2]
        zone = f"    zone bedside_{name} 64k;\n"
        assert (f"    server 127.0.0.1:{port} ") in text
        text = text.replace(
            f"    server 127.0.0.1:{port} ", f"{zone}    server {name}:{port} resolve "
        )
    text = text.replace("    # One line for each console host.\n", "")
    text = text.replace("443 ssl http2;", "443 ssl;")
    text = text.replace("listen [::]:443 ssl;\n", "listen [::]:443 ssl;\n    http2 on;\n")
    proxy = (COMPOSE / "nginx.conf").read_text()
    again = re.search(r"# A container .*\nresolver 127[.]0[.]0[.]11 valid=5s;\n\n", proxy)[0]
    assert proxy.replace(again, "").splitlines()[1:] == text.splitlines()[1:]


def test_the_image_dumps_the_database_that_compose_starts_and_installs_what_is_locked():
    version = re.match(r"postgres:(\d+)-", services()["database"]["image"])[1]
    text = (COMPOSE / "Containerfile").read_text()
    assert re.findall(r"postgresql-client\S*", text) == [f"postgresql-client-{version}"]
    # Each takes its packages from a lock with hashes, or is the wheel that was just built.
    installs = re.findall(r"pip install [^\\\n]*", text)
    assert len(installs) >= 3
    assert all("--require-hashes -r" in each or "/wheels/" in each for each in installs)


def test_the_volume_belongs_to_a_number_that_no_newer_base_changes():
    number = re.search(r"useradd --system --uid (\d+) ", (COMPOSE / "Containerfile").read_text())[1]
    assert f"chown {number} today.backup" in PAGE.read_text()


def test_the_image_is_not_built_without_the_browsers_files_and_the_translations(tmp_path):
    text = (COMPOSE / "Containerfile").read_text().replace("\\\n", "")
    check = re.search(r"^RUN (test -s .*)$", text, re.MULTILINE)[1]
    wanted = re.findall(r"test -s (\S+)", check)
    tried = subprocess.run(["sh", "-c", check], cwd=tmp_path, capture_output=True, text=True)  # noqa: PLW1510
    assert tried.returncode == 1
    assert "make venv assets" in tried.stderr
    for path in map(tmp_path.joinpath, wanted):
        path.parent.mkdir(parents=True)
        path.write_text("built")
    assert subprocess.run(["sh", "-c", check], cwd=tmp_path, check=False).returncode == 0
    assert re.findall(r"^ *make (.*)$", PAGE.read_text(), re.MULTILINE) == ["venv assets"] * 2


def test_a_build_sees_what_it_copies_and_no_key_or_password():
    root = DEPLOY.parent
    lines = (root / ".dockerignore").read_text().splitlines()
    text = (COMPOSE / "Containerfile").read_text()
    copied = {
        word
        for each in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE)
        for word in each.split()
    }
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == copied


def test_what_the_page_has_one_lay_beside_the_compose_file_is_never_committed():
    laid = [
        ".env",
        "tls/console.key",
        "relays-a/key.pem",
        "today.backup",
        "restore.pem",
        "backup.pub",
    ]
    for name in laid:
        words = ["git", "check-ignore", "-q", f"deploy/compose/{name}"]
        assert subprocess.run(words, cwd=DEPLOY.parent, check=False).returncode == 0, name
