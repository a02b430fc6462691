import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from bedside.pki.contexts import console_client_context
from tests.console.live.processes import Console, connection

REFUSE = """
from django.db import transaction
from bedside.console.relays.actions import do_refuse_device
from bedside.vocabulary import Gate
from bedside.console.journal.actions import now_ms
with transaction.atomic():
    do_refuse_device("{device}", Gate.LIMIT, now=now_ms())
print(now_ms())
"""
PRESENCE = {
    "kind": "presence",
    "device": "CI-20417",
    "instance": "a" * 32,
    "at_ms": 1,
    "mode": "held",
    "activity": "idle",
    "version": "0.1.0",
    "configuration": 0,
    "journal": {"size": 0, "head": "0" * 64},
    "address": "192.0.2.7",
}


DRAINS = """
from bedside.console.relays.queries import relays_heard
print(relays_heard()[0].draining_until_ms is not None)
"""

AT_ONCE = """
import threading
from django.core.management import CommandError, call_command
from django.db import connection
from bedside.console.relays.queries import assertion_key
from bedside.pki.device_keys import load_key_file
from bedside.pki.signing import public_key_pem
from pathlib import Path

together = threading.Barrier(2)
said = []

def add(name, folder):
    together.wait()
    try:
        call_command("add_relay", name, host="127.0.0.1", server_name=f"{name}.at.example",
                     folder=folder)
        said.append(folder)
    except CommandError as error:
        said.append(error)
    finally:
        connection.close()

for number in range(8):
    said.clear()
    name, folders = f"once-{number}", [Path(f"FOLDER/{number}-{each}") for each in "xy"]
    both = [threading.Thread(target=add, args=(name, folder)) for folder in folders]
    for each in both:
        each.start()
    for each in both:
        each.join()
    (made,) = (each for each in said if isinstance(each, Path))
    (refused,) = (each for each in said if isinstance(each, CommandError))
    assert f"Relay {name} is known" in str(refused), refused
    assert [folder for folder in folders if folder.exists()] == [made]
    key = load_key_file(made / "key.pem").public_key()
    assert public_key_pem(key) == assertion_key(name)
print("each once")
"""


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    console = Console.make(tmp_path_factory.mktemp("live") / "console")
    yield console
    console.end()


@pytest.fixture(scope="module")
def live(console):
    return console.live()


def test_a_snapshot_then_news(live, console):
    first = live.feed("")
    assert first["snapshot"]
    console.script(REFUSE.format(device="CI-1"))
    news = live.feed(first["cursor"])
    assert not news["snapshot"]
    assert [event["device"] for event in news["events"]] == ["CI-1"]
    assert live.feed(news["cursor"])["events"] == []


def test_a_waiting_relay_hears_at_once(console):
    """By the nudge: the look at the database would come long after the wait."""
    live = console.live(seldom=True)
    cursor = live.feed("")["cursor"]
    heard: list[dict] = []
    thread = threading.Thread(target=lambda: heard.append(live.feed(cursor, wait_s=60)))
    thread.start()
    console.script(REFUSE.format(device="CI-2"))
    thread.join(90)
    (reply,) = heard
    assert [event["device"] for event in reply["events"]] == ["CI-2"]


def test_a_wait_without_news_ends_empty(live):
    cursor = live.feed("")["cursor"]
    started = time.monotonic()
    assert live.feed(cursor, wait_s=0.3)["events"] == []
    assert time.monotonic() - started > 0.25


def test_a_batch_is_acknowledged_each_time_it_comes(live):
    batch = {"v": 1, "relay": "a", "boot": "1" * 32, "sequence": 7, "events": [PRESENCE]}
    for _ in range(2):
        assert live.ask("POST", "/relay/batch", body=batch) == (200, {"v": 1, "sequence": 7})


def test_a_relay_that_begins_anew_is_no_longer_about_to_stop(live, console):
    """Without devices it has nothing to tell for minutes: its first question says that it is back."""
    cursor = live.feed("", boot="2" * 32)["cursor"]
    at_ms = time.time_ns() // 1_000_000
    told = {"kind": "draining", "at_ms": at_ms, "until_ms": at_ms + 300_000}
    batch = {"v": 1, "relay": "a", "boot": "2" * 32, "sequence": 1, "events": [told]}
    assert live.ask("POST", "/relay/batch", body=batch)[0] == 200
    live.feed(cursor, boot="2" * 32)  # it still runs
    assert console.script(DRAINS).strip() == "True"
    live.feed("", boot="3" * 32)
    assert console.script(DRAINS).strip() == "False"
    # What the one before could not tell comes behind that, and its clock may be ahead.
    late = batch | {"sequence": 2, "events": [told | {"at_ms": at_ms + 4_000}]}
    assert live.ask("POST", "/relay/batch", body=late)[0] == 200
    assert console.script(DRAINS).strip() == "False"


def test_of_two_who_add_a_relay_of_one_name_at_once_the_second_is_refused_and_has_no_key(
    console, tmp_path
):
    """No row stands there to be locked: who adds has the database's turn before it looks."""
    assert "each once" in console.script(AT_ONCE.replace("FOLDER", str(tmp_path)))


def test_a_relay_cannot_speak_for_another(live):
    batch = {"v": 1, "relay": "b", "boot": "1" * 32, "sequence": 1, "events": []}
    assert live.ask("POST", "/relay/batch", body=batch)[0] == 403
    assert live.ask("GET", "/relay/feed?cursor=", relay="a", name="b")[0] == 401


@pytest.mark.parametrize("body", [{}, {"v": 1}, {"v": 2, "relay": "a"}, []])
def test_a_malformed_batch_is_refused(live, body):
    assert live.ask("POST", "/relay/batch", body=body)[0] == 400


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/relay/feed?cursor=x&wait_s=100", 400),
        ("GET", "/relay/feed?cursor=&wait_s=nan", 400),
        ("GET", "/relay/feed?wait_s=x", 400),
        ("GET", "/relay/feed?cursor=&boot=x", 400),
        ("GET", "/relay/other", 404),
        ("GET", "/", 404),
        ("POST", "/relay/feed", 404),
        ("POST", "/relay/est/unknown", 404),
        ("POST", "/relay/est/cacerts", 200),
    ],
)
def test_what_a_relay_may_ask(live, method, target, status):
    assert live.ask(method, target)[0] == status


def test_nobody_asks_without_an_assertion(live, console):
    context = console_client_context((console.folder / "data" / "ca.pem").read_text())
    with connection(live.relay_port, context) as link:
        link.request("GET", "/relay/feed?cursor=")
        assert link.getresponse().status == 401


def test_only_the_right_name_is_answered(live, console):
    context = console_client_context((console.folder / "data" / "ca.pem").read_text())
    with (
        socket.create_connection(("127.0.0.1", live.relay_port), timeout=10) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname="other.example")


def test_only_tls_13_is_spoken(live):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", live.relay_port), timeout=10) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_it_stops_when_it_is_told_to_with_relays_waiting(console):
    live = console.live()
    cursor = live.feed("")["cursor"]
    thread = threading.Thread(target=_ignore_the_end, args=(live, cursor))
    thread.start()
    time.sleep(0.3)
    live.process.send_signal(signal.SIGTERM)
    assert live.process.wait(60) == 0
    thread.join(10)


def _ignore_the_end(live, cursor: str) -> None:
    try:
        live.feed(cursor, wait_s=25)
    except OSError:
        return


@pytest.fixture
def elsewhere(console, tmp_path):
    """A host that has the console's database, and nothing of its data folder."""
    text = (console.folder / "console.toml").read_text()
    if "database =" not in text:
        text = f'database = "sqlite:///{console.folder}/data/console.sqlite3"\n' + text
    text = text.replace(f'data_dir = "{console.folder}/data"', f'data_dir = "{tmp_path}/data"')
    (tmp_path / "console.toml").write_text(text)
    return Console(tmp_path)


def test_a_start_that_is_refused_leaves_nothing_behind(elsewhere):
    refused = said_by(elsewhere, "web")
    assert refused.startswith("✖ Cette base de données est en service")
    assert not (elsewhere.folder / "data").exists()


def test_a_key_that_others_may_read_is_refused_in_the_typists_language(console):
    key = console.folder / "data" / "keys" / "checkpoint.pem"
    key.chmod(0o640)
    refused = said_by(console, "worker")
    key.chmod(0o600)
    cure = f"est ouvert à d’autres (mode 0640)\N{NO-BREAK SPACE}: chmod 0600 {key}"
    assert refused == f"✖ {key} {cure}\n"


@pytest.mark.parametrize("word", ["web", "live", "worker"])
def test_a_key_of_cookies_that_cannot_be_used_is_refused_before_anything_serves(console, word):
    key = console.folder / "data" / "secret.key"
    kept = key.read_bytes()
    key.write_bytes(b"")
    refused = said_by(console, word, code=2)
    key.write_bytes(kept)
    assert f"{key}: il est vide : restaurez-le" in refused


@pytest.mark.parametrize("word", ["web", "live", "worker"])
def test_a_folder_that_cannot_be_made_is_refused_before_anything_serves(tmp_path, word):
    """Such a folder stops root too: its name leads to where nothing is."""
    folder = tmp_path / "data"
    folder.symlink_to(tmp_path / "not mounted")
    (tmp_path / "console.sqlite3").touch()
    (tmp_path / "console.toml").write_text(
        f'public_url = "http://localhost"\ndata_dir = "{folder}"\n'
        f'database = "sqlite:///{tmp_path}/console.sqlite3"\nlisten = "127.0.0.1:0"\n'
        'live_listen = "127.0.0.1:0"\nrelay_listen = "127.0.0.1:0"\n'
    )
    before = sorted(tmp_path.iterdir())
    refused = said_by(Console(tmp_path), word, code=2)
    assert f"{folder}: il y a déjà un tel fichier" in refused
    assert sorted(tmp_path.iterdir()) == before


def said_by(console, word, code=1):
    """Return what a start that is refused says on a French terminal."""
    done = subprocess.run(
        console.command(word),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "LANGUAGE": "fr_CA"},  # noqa: TID251 - handed on
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr
