"""A real console in a folder of its own: `live` and `worker` as processes, people and relays beside."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from pathlib import Path

from bedside.pki.contexts import console_client_context
from bedside.relay.proofs import Assertions
from bedside.vocabulary import RelayName
from tests.console import migrated
from tests.console.standing import Standing

# Django first: the module knows its settings.
_SELDOM = """
import os, sys
os.environ["BEDSIDE_CONSOLE_CONFIG"] = sys.argv[1]
os.environ["DJANGO_SETTINGS_MODULE"] = "bedside.console.project.settings"
import django
django.setup()
from bedside.console.cli import main
from bedside.console.live import watch
watch._LOOK_S = 600.0
sys.exit(main(["--config", sys.argv[1], "live"]))
"""
_STARTED = re.compile(r"live: relays on (\d+), people on (\d+)")


@dataclass
class Console:
    """A console's folder and the processes that were started over it."""

    folder: Path
    started: list[subprocess.Popen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._standing = Standing(self.folder / "console.toml")

    @classmethod
    def make(cls, folder: Path, database: str | None = None) -> "Console":
        folder.mkdir()
        (folder / "console.toml").write_text(
            textwrap.dedent(
                f"""
                public_url = "http://localhost"
                data_dir = "{folder}/data"
                {migrated.line(folder / "data") if database is None else database}
                live_listen = "127.0.0.1:0"
                relay_listen = "127.0.0.1:0"
                relay_address = "127.0.0.1:1"
                manufacturer = "Bayard Imaging"
                [sign_in]
                passkey_roles = []
                """
            )
        )
        console = cls(folder)
        console.script(
            """
            from django.core.management import call_command
            call_command("init")
            for name in ("a", "b"):
                server = f"{name}.relay.example"
                call_command("add_relay", name, host="127.0.0.1", server_name=server)
            """
        )
        return console

    def command(self, *words: str) -> list[str]:
        config = str(self.folder / "console.toml")
        return [sys.executable, "-m", "bedside", "console", "--config", config, *words]

    def run(self, *words: str, text: str = "") -> str:
        done = subprocess.run(
            self.command(*words),
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def script(self, code: str, *, timeout_s: float | None = None) -> str:
        """Run Python with Django set up over this console's database."""
        return self._standing.script(textwrap.dedent(code), timeout_s=timeout_s)

    def log(self, word: str) -> Path:
        """Where the processes of this word write what they say."""
        return self.folder / f"{word}.log"

    def start(self, word: str, command: list[str] | None = None) -> subprocess.Popen:
        with self.log(word).open("ab") as log:
            process = subprocess.Popen(
                command or self.command(word),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def live(self, *, seldom: bool = False) -> "Live":
        """Start `live`; `seldom`: it looks at the database when it is nudged, or in ten minutes."""
        config = str(self.folder / "console.toml")
        command = [sys.executable, "-c", _SELDOM, config] if seldom else None
        process = self.start("live", command)
        match = _STARTED.match(process.stdout.readline())
        assert match
        return Live(self, process, int(match[1]), int(match[2]))

    def worker(self) -> subprocess.Popen:
        process = self.start("worker")
        assert process.stdout.readline() == "worker: at work\n"
        return process

    def end(self) -> None:
        for process in self.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
        self._standing.end()


@dataclass
class Live:
    """A `live` process, as a relay or a browser reaches it."""

    console: Console
    process: subprocess.Popen
    relay_port: int
    people_port: int

    def ask(
        self, method: str, target: str, *, relay: str = "a", body: object = None, name: str = ""
    ) -> tuple[int, dict]:
        folder = self.console.folder / "data" / "relays" / relay
        context = console_client_context((folder / "ca.pem").read_text())
        headers = dict(Assertions(RelayName(name or relay), folder / "key.pem").header())
        with connection(self.relay_port, context) as link:
            data = None if body is None else json.dumps(body).encode()
            link.request(method, target, body=data, headers=headers)
            answer = link.getresponse()
            text = answer.read()
        return answer.status, json.loads(text) if text.startswith(b"{") else {}

    def feed(self, cursor: str, wait_s: float = 0, relay: str = "a", boot: str = "") -> dict:
        target = f"/relay/feed?cursor={cursor}&wait_s={wait_s}&boot={boot}"
        status, reply = self.ask("GET", target, relay=relay)
        assert status == 200
        return reply

    def stream(self, path: str, **headers: str) -> "Stream":
        return Stream(self.people_port, path, headers)


@contextmanager
def connection(port: int, context: ssl.SSLContext) -> Iterator[HTTPSConnection]:
    link = HTTPSConnection("localhost", port, context=context, timeout=90)
    try:
        yield link
    finally:
        link.close()


class Stream:
    """Server-sent events as they arrive."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        lines = [f"GET {path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(": ")
            self.headers[name] = value

    def event(self, name: str) -> dict:
        """Return the next event of this name; ConnectionError when the stream ends first."""
        found = ""
        while line := self._file.readline():
            text = line.decode().strip()
            if text.startswith("event: "):
                found = text.removeprefix("event: ")
            elif text.startswith("data: ") and found == name:
                return json.loads(text.removeprefix("data: "))
        raise ConnectionError("the stream ended")

    def comment(self, words: str) -> None:
        """Read up to this comment; ConnectionError when the stream ends first."""
        while line := self._file.readline():
            if line.decode().strip() == f": {words}":
                return
        raise ConnectionError("the stream ended")

    def over(self) -> bool:
        """Whether the server ends the stream."""
        while self._file.readline():
            pass
        return True

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def within(seconds: float, check) -> None:
    """Wait until `check` holds, at most so long."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
