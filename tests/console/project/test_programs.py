"""The commands as they are typed, over a database of their own, and `web` over a socket."""

import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from tests.console.databases import new_line
from tests.console.world import PASSWORD, PROFILES, WORLD


@pytest.fixture
def console(tmp_path):
    """Return a function that runs `bedside console` with a fresh installation."""
    port = quiet_port()
    config = tmp_path / "console.toml"
    config.write_text(
        f'public_url = "http://localhost:{port}"\ndata_dir = "{tmp_path}/data"\n'
        f'listen = "127.0.0.1:{port}"\nmanufacturer = "Bayard Imaging"\n' + new_line()
    )
    command = [sys.executable, "-m", "bedside", "console", "--config", str(config)]
    environment = {"PATH": os.defpath, "PYTHONWARNINGS": "error"}

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=100,
            env=environment,
            check=False,
        )

    run.command = command
    run.environment = environment
    run.port = port
    return run


# Nine programs one after the other: on a busy machine more than the usual two minutes.
def test_an_installation_from_nothing_to_a_world_that_serves(console, tmp_path):
    assert console("migrate", "--verbosity", "0").returncode == 0
    weak = console(
        "create-administrator",
        "alex@bayard.example",
        "--name",
        "Alex Martin",
        "--manufacturer",
        "Bayard Imaging",
        stdin="\n",
    )
    assert weak.returncode == 1
    assert "15" in weak.stderr
    assert "Traceback" not in weak.stderr
    made = console(
        "create-administrator",
        "alex@bayard.example",
        "--name",
        "Alex Martin",
        "--manufacturer",
        "Bayard Imaging",
        stdin=PASSWORD + "\n",
    )
    assert made.returncode == 0, made.stderr
    profiles = console("import-profile", *map(str, sorted(PROFILES.glob("*.toml"))))
    assert profiles.returncode == 0, profiles.stderr
    world = tmp_path / "world.toml"
    world.write_text(
        WORLD.replace('key = "bayard-imaging"', 'key = "manufacturer"').replace(
            'organisation = "bayard-imaging"', 'organisation = "manufacturer"'
        )
    )
    applied = console("apply", str(world))
    assert applied.returncode == 0, applied.stderr
    assert "4 people" in applied.stdout
    assert console("unlock", "marie@bayard.example").returncode == 0
    assert console("unlock", "nobody@bayard.example").returncode != 0
    assert console("set-password", "sam@bayard.example", stdin=PASSWORD + "\n").returncode != 0
    new = "another long password entirely"
    assert console("set-password", "sam@bayard.example", stdin=new + "\n").returncode == 0
    serve(console)


def serve(console) -> None:
    process = subprocess.Popen(
        [*console.command, "web"],
        env=console.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        page = fetch(f"http://localhost:{console.port}/account/login/", process)
        assert b"csrfmiddlewaretoken" in page
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://localhost:{console.port}/api/v1/me", timeout=10)
        assert refused.value.code == 401
        refused.value.close()
    finally:
        process.terminate()
        process.communicate(timeout=60)


def fetch(url: str, process: subprocess.Popen[bytes]) -> bytes:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read()
        except (ConnectionError, urllib.error.URLError):
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_a_word_without_a_configuration_is_told_what_is_missing():
    answer = subprocess.run(
        [sys.executable, "-m", "bedside", "console", "web"],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.defpath},
        check=False,
    )
    assert answer.returncode == 2
    assert "BEDSIDE_CONSOLE_CONFIG" in answer.stdout


def quiet_port() -> int:
    """Return a free port that no connection is given meanwhile: the system gives others out."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(first // 2, first)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
