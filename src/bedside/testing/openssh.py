"""The real OpenSSH client with a person's answers to the device's second authentication."""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["OpenSsh"]

PATIENCE_S = 60
_ASKPASS = """#!/bin/sh
echo "$1" >> {prompts}
case "$1" in
  *[Cc]ode*) cat {code} ;;
  *) cat {credential} ;;
esac
"""


class OpenSsh:
    """`ssh`, `scp` and `sftp` with the configuration that `bedside` wrote.

    Args:
        config: the written `ssh_config`.
        environment: the specialist's environment.
        folder: where the answers are kept, and what was asked (`prompts`).
    """

    def __init__(self, config: Path, environment: Mapping[str, str], folder: Path) -> None:
        self.config = config
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        askpass = folder / "askpass"
        names = {
            name: shlex.quote(str(folder / name)) for name in ("prompts", "code", "credential")
        }
        askpass.write_text(_ASKPASS.format(**names), encoding="utf-8")
        askpass.chmod(0o700)
        self.environment = {
            **environment,
            # A locale that every machine has: in another, ssh shows accents as octal numbers.
            "LC_ALL": "C.UTF-8",
            "SSH_ASKPASS": str(askpass),
            "SSH_ASKPASS_REQUIRE": "force",
            "DISPLAY": "none",
        }

    def answers(self, *, credential: str, code: str) -> None:
        """Say what the person answers from now on."""
        (self.folder / "credential").write_text(credential + "\n", encoding="utf-8")
        (self.folder / "code").write_text(code + "\n", encoding="utf-8")

    @property
    def prompts(self) -> list[str]:
        """What the device has asked so far."""
        path = self.folder / "prompts"
        return path.read_text("utf-8").splitlines() if path.exists() else []

    def run(
        self, program: str, *words: str, send: bytes = b"", within_s: float = PATIENCE_S
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `ssh`, `scp` or `sftp` to its end, with `send` on its standard input."""
        return self.run_program(self.command(program, *words), send=send, within_s=within_s)

    def run_program(
        self, command: Sequence[str], *, send: bytes = b"", within_s: float = PATIENCE_S
    ) -> subprocess.CompletedProcess[bytes]:
        """Run any program that uses ssh, with the person's answers."""
        return subprocess.run(
            command,
            input=send,
            capture_output=True,
            check=False,
            env=self.environment,
            timeout=within_s,
        )

    def start(self, program: str, *words: str) -> "subprocess.Popen[bytes]":
        """Start one of them and let it run."""
        return self.start_program(self.command(program, *words))

    def start_program(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Start any program that uses ssh, in a process group of its own."""
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            start_new_session=True,
        )

    def command(self, program: str, *words: str) -> Sequence[str]:
        """Return the whole command line."""
        return [program, "-F", str(self.config), *words]

    def close(self, host: str) -> None:
        """End the shared connection to `host`, if there is one."""
        self.run("ssh", "-O", "exit", host)
