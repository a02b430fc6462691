"""Admin addresses that other programs have: a real `web`, `live` and `worker` serve all the same."""

import socket
import subprocess
import urllib.request
from contextlib import ExitStack

from bedside.demo.processes import free_port, wait_for
from tests.console.live.processes import Console

KINDS = ("web", "live", "worker")


def page(port):
    try:
        with urllib.request.urlopen(
            f"http://localhost:{port}/account/login/", timeout=20
        ) as answer:
            return answer.status
    except OSError:
        return 0


def named(console):
    """The lines of `status` that name a process without its admin address."""
    done = subprocess.run(
        console.command("status"), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    return [line for line in done.stdout.splitlines() if "serves without its admin address" in line]


def test_each_process_serves_without_its_admin_address_and_says_so(tmp_path):
    console, port = Console.make(tmp_path / "console"), free_port()
    config = console.folder / "console.toml"
    with ExitStack() as others:
        addresses = ""
        for kind in KINDS:
            other = others.enter_context(socket.create_server(("127.0.0.1", 0)))
            addresses += f'{kind} = "127.0.0.1:{other.getsockname()[1]}"\n'
        config.write_text(
            f'listen = "127.0.0.1:{port}"\n{config.read_text()}\n[admin]\n{addresses}'
        )
        others.callback(console.end)
        console.start("web")
        console.worker()
        console.live()
        wait_for("web's pages", lambda: page(port) == 200)
        for kind in KINDS:
            wait_for(kind, lambda kind=kind: "[admin] 127.0.0.1:" in console.log(kind).read_text())
        wait_for("status to name them", lambda: len(named(console)) == len(KINDS))
        assert not list((console.folder / "data" / "metrics").iterdir())
