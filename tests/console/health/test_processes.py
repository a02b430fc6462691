"""A real console with admin addresses and JSON logs: `web` in two processes, `live`, `worker`."""

import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bedside.demo.processes import free_port, wait_for
from bedside.testing.sockets import connections_to, descendants
from tests.console.databases import on_postgresql
from tests.console.live.processes import Console

KINDS = ("web", "live", "worker")
THREADS = 3


def opened_files(pid):
    return [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]


def connections(pids, folder):
    """Return how many connections to the console's database each of these processes has."""
    if on_postgresql():
        return [connections_to(pid, "/.s.PGSQL.5432") for pid in pids]
    database = str(folder / "data" / "console.sqlite3")
    return [opened_files(pid).count(database) for pid in pids]


class Seen:
    """The console's processes and their admin addresses."""

    def __init__(self, folder):
        self.console = Console.make(folder / "console")
        self.ports = {kind: free_port() for kind in KINDS}
        self.web_port = free_port()
        self.logs = folder
        config = self.console.folder / "console.toml"
        addresses = "".join(f'{kind} = "127.0.0.1:{p}"\n' for kind, p in self.ports.items())
        config.write_text(
            f'listen = "127.0.0.1:{self.web_port}"\nweb_workers = 2\nweb_threads = {THREADS}\n{config.read_text()}'
            f'\n[log]\nformat = "json"\n[admin]\n{addresses}'
        )
        self.processes = {}
        for kind in KINDS:
            with (folder / f"{kind}.log").open("wb") as log:
                self.processes[kind] = subprocess.Popen(
                    self.console.command(kind), stdout=log, stderr=log, start_new_session=True
                )
        for kind in KINDS:
            wait_for(kind, lambda kind=kind: self.ready(kind))
        wait_for("web's pages", lambda: self.page("/account/login/") == 200)

    def get(self, kind, path):
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.ports[kind]}{path}", timeout=20
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self, kind):
        return self.get(kind, "/readyz")[0] == 200

    def page(self, path):
        try:
            with urllib.request.urlopen(
                f"http://localhost:{self.web_port}{path}", timeout=20
            ) as answer:
                return answer.status
        except OSError:
            return 0

    def measured(self, kind):
        _, text = self.get(kind, "/metrics")
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def status(self, *words, language="C"):
        return subprocess.run(
            self.console.command("status", *words),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "LC_ALL": language},  # noqa: TID251 - handed on
        )

    def log(self, kind):
        return (self.logs / f"{kind}.log").read_text().splitlines()

    def end(self):
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.console.end()


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    seen = Seen(tmp_path_factory.mktemp("seen"))
    yield seen
    seen.end()


def test_each_process_says_that_it_lives_and_is_ready_and_why(seen):
    for kind in KINDS:
        assert seen.get(kind, "/healthz") == (200, f"ok  {kind}: it runs\n")
        status, body = seen.get(kind, "/readyz")
        assert status == 200
        assert [line.split(":")[0] for line in body.splitlines()] == [
            "ok  database",
            "ok  migrations",
            "ok  keys",
        ]


def test_web_adds_up_what_its_processes_count(seen):
    def counted():
        found = seen.measured("web")
        name = "bedside_console_requests_total"
        return sum(v for key, v in found.items() if key[0] == name and "account_login" in key)

    before = counted()
    for _ in range(10):
        assert seen.page("/account/login/") == 200
    assert counted() == before + 10
    after = seen.measured("web")
    assert after["bedside_console_info", "web", "0.1.0"] == 1
    assert after["bedside_console_request_seconds_count", "account_login"] == before + 10


def test_the_worker_tells_the_state_of_all_and_how_its_duties_go(seen):
    wait_for("beats", lambda: all(
        seen.measured("worker")["bedside_console_process_seen_timestamp_seconds", kind]
        for kind in KINDS
    ))  # fmt: skip
    found = seen.measured("worker")
    assert found["bedside_console_relay_seen_timestamp_seconds", "a"] == 0
    assert found["bedside_console_migrations_unapplied",] == 0
    assert found["bedside_console_duties_done_total", "seal"] > 0
    assert found["bedside_console_database_queries_total",] > 0
    assert found["bedside_console_database_write_wait_seconds_count",] > 0
    assert found["process_resident_memory_bytes",] > 0
    live = seen.measured("live")
    assert 0 <= live["bedside_console_live_look_age_seconds",] < 60


def test_status_says_what_needs_a_person_and_its_exit_code_says_so_too(seen):
    plain = seen.status()
    assert plain.returncode == 1, plain.stderr
    assert re.search(r"✖ relays +a has never asked: start it\.", plain.stdout)
    assert re.search(r"✓ processes +web runs, seen \d+ s ago\.", plain.stdout)
    assert plain.stdout.endswith("What is marked ✖ needs a person.\n")
    french = seen.status(language="fr_CA.UTF-8")
    assert "a n’a jamais rien demandé : démarrez-le." in french.stdout
    told = json.loads(seen.status("--json").stdout)
    assert told["good"] is False
    assert [each["area"] for each in told["findings"] if not each["good"]] == ["relays", "relays"]


def test_whoever_reads_only_the_first_line_of_status_gets_no_traceback(seen):
    gone, end = os.pipe()
    os.close(gone)
    with os.fdopen(end, "wb") as pipe:
        words = seen.console.command("status")
        done = subprocess.run(
            words, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_a_crowd_gets_no_more_threads_than_the_configuration_says(seen):
    """Each thread has a connection of its own to the database, and so has the process that starts them."""
    with ThreadPoolExecutor(40) as crowd:
        answers = list(crowd.map(seen.page, ["/account/login/"] * 120))
    assert set(answers) == {200}
    held = connections(descendants(seen.processes["web"].pid), seen.console.folder)
    assert 1 <= max(held) <= THREADS + 1


def test_every_line_of_every_log_is_one_json_object(seen):
    assert seen.page("/account/login/") == 200
    for kind in KINDS:
        lines = [json.loads(line) for line in seen.log(kind)]
        assert {"at_ms", "level", "event", "process"} <= set.intersection(*map(set, lines))
    assert "request_answered" in {json.loads(line)["event"] for line in seen.log("web")}


def test_web_ends_with_everything_that_it_started(seen):
    seen.processes["web"].send_signal(signal.SIGTERM)
    assert seen.processes["web"].wait(60) == 0
    assert seen.get("web", "/healthz") == (0, "")
    assert list((seen.console.folder / "data" / "metrics").iterdir()) == []
