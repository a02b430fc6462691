"""From the operator's Allow to the specialist's prompt, beside `ssh` to a local `sshd`.

What counts: the device's gates, the signed consent in the journal, the tunnel, SSH's key exchange,
the certificate, both second answers, and a shell on a terminal, all on this machine's loopback.
What does not: people. The specialist's `ssh` already waits at the relay, as it does for a person who
ran it while the operator was asked; credential and code are typed the moment they are asked for, the
code as soon as the panel shows it.

The peer counts from the start of `ssh` and asks for nothing but a key, so what is compared is a
second authentication and a journal more, and the start of a client less.
"""

import contextlib
import os
import pty
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bedside.agent.ssh.words import prompts
from bedside.demo.check import HOST, Journey
from bedside.demo.people import DEVICE, MARIE
from bedside.demo.processes import free_port, wait_for
from bedside.demo.world import World
from bench.figures import median, report

ROUNDS = int(os.environ.get("ROUNDS", "15"))  # noqa: TID251 - as the other benchmarks
SETTLE_S = 0.5
"""From the proof taken to the leg waiting at the relay: nothing tells when it is there."""
PROMPT = b"bench-prompt> "


def main() -> None:
    """Run interleaved rounds of both and print the figures."""
    ours, peers = [], []
    with (
        tempfile.TemporaryDirectory(prefix="bedside-") as folder,
        World(Path(folder) / "w", answer_s=100) as world,
        local_sshd(Path(folder)) as sshd,
    ):
        journey = Journey(world)
        journey.log_in(MARIE)
        for _ in range(ROUNDS):
            ours.append(consent_to_prompt(journey))
            peers.append(prompt_of(sshd))
        journey.close()
    report("session_setup.consent_to_prompt.p50", median(ours) * 1000, "ms")
    # Of few rounds the slowest is the honest estimate.
    report("session_setup.consent_to_prompt.p99", max(ours) * 1000, "ms")
    report("session_setup.consent_to_prompt.min", min(ours) * 1000, "ms")
    report("session_setup.ssh_to_prompt.sshd.p50", median(peers) * 1000, "ms")
    report("session_setup.ssh_to_prompt.sshd.min", min(peers) * 1000, "ms")
    report("session_setup.rounds", ROUNDS, "sessions")


def consent_to_prompt(journey: Journey) -> float:
    """Return the seconds from Allow to the prompt of one session."""
    world = journey.world
    words = ["request", DEVICE, "--case", "C-1", "--reason", "bench", "--no-wait"]
    world.specialist(MARIE, *words, "--access", "system", "--mode", "control")
    journey.operator.asked()
    session = max((world.home(MARIE) / "state" / "sessions").iterdir())
    ssh = ["ssh", "-F", str(world.home(MARIE) / "config" / "ssh_config"), "-S", "none", "-tt"]
    status = journey.operator.wait_for("the site", lambda status: status.request is not None)
    asks_credential, asks_code = (asked.encode() for asked in prompts(status.site.language))
    with on_terminal([*ssh, HOST, shell()], world.specialist_environment(MARIE)) as screen:
        wait_for("a proof to be taken", (session / "proofs-used").exists)
        time.sleep(SETTLE_S)
        started = time.perf_counter()
        code = journey.operator.accept()
        read_until(screen, asks_credential)
        os.write(screen, world.support_credential.encode() + b"\n")
        read_until(screen, asks_code)
        os.write(screen, code.encode() + b"\n")
        read_until(screen, PROMPT)
        took = time.perf_counter() - started
    journey.operator.stop()
    journey.idle()
    journey.operator.verify()
    return took


def prompt_of(command: list[str]) -> float:
    """Return the seconds from the start of `ssh` to the prompt."""
    started = time.perf_counter()
    inherited = dict(os.environ)  # noqa: TID251 - handed on
    with on_terminal([*command, shell()], inherited) as screen:
        read_until(screen, PROMPT)
        return time.perf_counter() - started


def shell() -> str:
    """Return a shell whose prompt is known, the same for both."""
    return f"PS1='{PROMPT.decode()}' exec sh -i"


@contextlib.contextmanager
def on_terminal(command: list[str], environment: Mapping[str, str]) -> Iterator[int]:
    """Run a command on a terminal of its own, where it asks; yields the terminal's other end."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "LC_ALL": "C.UTF-8"},
    ) as process:
        os.close(theirs)
        try:
            yield ours
        finally:
            process.kill()
            os.close(ours)


def read_until(screen: int, words: bytes) -> None:
    """Read a terminal until it shows `words`."""
    seen, until = b"", time.monotonic() + 60
    while words not in seen:
        if not select.select([screen], [], [], 1.0)[0]:
            if time.monotonic() > until:
                raise TimeoutError(f"no prompt: {seen!r}")
            continue
        seen += os.read(screen, 65536)


@contextlib.contextmanager
def local_sshd(folder: Path) -> Iterator[list[str]]:
    """Run OpenSSH's server on the loopback; yields the client's command."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if program is None:
        raise SystemExit("sshd is missing: apt-get install openssh-server")
    port = free_port()
    for name in ("host", "user"):
        key = ["ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-N", "", "-f", str(folder / name)]
        subprocess.run(key, check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/user.pub\nUsePAM no\nPermitRootLogin yes\nPidFile none\n"
    )
    with subprocess.Popen(
        [program, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL
    ) as sshd:
        client = [
            "ssh", "-F", "none", "-tt", "-p", str(port), "-i", f"{folder}/user",
            "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder}/known", "127.0.0.1",
        ]  # fmt: skip
        try:
            wait_for(
                "sshd",
                lambda: (
                    subprocess.run([*client, "true"], capture_output=True, check=False).returncode
                    == 0
                ),
            )
            yield client
        finally:
            sshd.terminate()


if __name__ == "__main__":
    main()
