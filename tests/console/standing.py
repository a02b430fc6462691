"""A process that knows Django over one console's configuration, and does each thing it is told in a fork.

To know Django takes a second of computing, and a fork next to none. That the console's own programs
start by themselves is shown where they are started.
"""

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from threading import Lock

__all__ = ["Standing"]

_TREE = Path(__file__).parents[2]


class Standing:
    """The process, from the first script on.

    Args:
        config: the console's configuration; it is read once.
        timeout_s: how long one script may take.
    """

    def __init__(self, config: Path, *, timeout_s: float = 60) -> None:
        self._config = config
        self._timeout_s = timeout_s
        self._starting = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()

    def script(self, code: str, *, timeout_s: float | None = None) -> str:
        """Run Python with Django set up, beside other scripts; return what it printed.

        Args:
            timeout_s: how long this one may take, where it is not as long as any other.

        Raises:
            AssertionError: it failed; with all that it said.
        """
        with self._starting:
            if self._process is None:
                self._process = self._start()
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(timeout_s or self._timeout_s)
            link.connect(str(self._folder / "socket"))
            link.sendall(code.encode())
            link.shutdown(socket.SHUT_WR)
            failed, said, complaints = json.loads(_all(link) or '[1, "", "it was killed"]')
        assert not failed, said + complaints
        return said

    def end(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.communicate()
            shutil.rmtree(self._folder)

    def _start(self) -> subprocess.Popen[bytes]:
        self._folder = Path(tempfile.mkdtemp(prefix="bedside-standing-"))
        environment = {
            **os.environ,  # noqa: TID251 - what a child process inherits
            "BEDSIDE_CONSOLE_CONFIG": str(self._config),
            "DJANGO_SETTINGS_MODULE": "bedside.console.project.settings",
            "PYTHONPATH": f"{_TREE / 'src'}:{_TREE}",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.console.standing", str(self._folder / "socket")],
            env=environment, cwd=_TREE, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout
        process.stdout.readline()
        return process


def main(address: str) -> None:
    """Do what is asked at this socket, until the other end of the standard input is closed."""
    import django

    django.setup()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([door, sys.stdin], [], [])[0]:
            link, _ = door.accept()
            with link:
                if os.fork() == 0:
                    door.close()
                    _act(link)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _act(link: socket.socket) -> None:
    """Be a program of its own that does what is asked, says how it went, and ends."""
    failed = 1
    try:
        code = _all(link)
        with (
            Path(os.devnull).open() as nothing,
            tempfile.TemporaryFile() as said,
            tempfile.TemporaryFile() as complaints,
        ):
            for number, file in enumerate((nothing, said, complaints)):
                os.dup2(file.fileno(), number)
            failed = _run(code)
            told = [failed, *map(_text, (said, complaints))]
        link.sendall(json.dumps(told).encode())
    finally:
        os._exit(failed)


def _run(code: str) -> int:
    try:
        exec(code, {"__name__": "__main__"})
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return int(bool(end.code))
    except BaseException:  # noqa: BLE001 - whatever it is, it is told
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _all(link: socket.socket) -> str:
    with link.makefile("rb") as file:
        return file.read().decode()


def _text(file) -> str:
    file.seek(0)
    return file.read().decode()


if __name__ == "__main__":
    main(sys.argv[1])
