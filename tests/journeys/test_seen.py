"""One session in a world that is watched: its trace, its logs, and what no log may hold."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.demo.check import HOST, Journey
from bedside.demo.people import ALEX, DEVICE, MARIE
from bedside.demo.world import World
from bedside.observe.trace import ROOT, root_id, trace_id
from tests.journeys.hospital import administer
from tests.observe.collector import Collector

SAID = "words-inside-the-session"
JSON = ("web", "live", "worker", "relay-a", "relay-b")
SPANS = {
    ("bedside-console", ROOT),
    ("bedside-console", "the order reaches the device"),
    ("bedside-relay", "the legs are paired"),
    ("bedside-agent", "the operator is asked"),
    ("bedside-agent", "the tunnel opens"),
    ("bedside-agent", "the second authentication"),
}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def world(world_folder: Path, collector: Collector) -> Iterator[World]:
    """A world with JSON logs and traces everywhere; its logs begin now."""
    world = World(world_folder)
    administer(world, log={"format": "json"}, tracing={"endpoint": collector.endpoint})
    for name in ("a", "b"):
        config = world.relay_folder(name) / "relay.toml"
        config.write_text(f'tracing = "{collector.endpoint}"\n{config.read_text("utf-8")}', "utf-8")
    shutil.rmtree(world.processes.logs)
    world.processes.logs.mkdir()
    with world:
        yield world


@pytest.fixture(scope="module")
def secrets(world: World, journey: Journey) -> set[str]:
    """Live through a sign-in and a session; return every secret that was used."""
    journey.log_in(MARIE)
    ssh = journey.let_in(MARIE, "--access", "system", "--mode", "control")
    code = (ssh.folder / "code").read_text().strip()
    done = ssh.run("ssh", HOST, f"echo {SAID}")
    assert done.stdout.decode().strip() == SAID, done
    world.specialist(MARIE, "end", DEVICE)
    journey.idle()
    journey.operator.verify()
    people = [world.credentials[person.key] for person in (MARIE, ALEX)]
    return {
        SAID,
        code,
        world.support_credential,
        (world.folder / "code").read_text().strip(),
        (world.folder / "console" / "secret.key").read_text().strip(),
        *(known.password for known in people),
        *(known.totp for known in people),
        *_tokens(world.home(MARIE)),
    }


def _tokens(home: Path) -> set[str]:
    found = set()
    for path in home.rglob("*.json"):
        found |= set(re.findall(r'"token": ?"([^"]+)"', path.read_text("utf-8")))
    assert found
    return found


def _lines(world: World, name: str) -> list[str]:
    return (world.processes.logs / f"{name}.log").read_text("utf-8").splitlines()


def test_one_trace_leads_from_the_request_to_the_prompt(
    secrets: set[str], collector: Collector
) -> None:
    collector.wait_for(lambda spans: {(each.service, each.name) for each in spans} >= SPANS)

    (root,) = {each.id: each for each in collector.spans if each.name == ROOT}.values()
    session = root.attributes["bedside.session"]
    mine = [each for each in collector.spans if each.trace == f"{trace_id(session):032x}"]
    assert {(each.service, each.name) for each in mine} >= SPANS
    assert any(each.service == "bedside-web" for each in mine)
    assert {each.parent for each in mine if each.name != ROOT} == {f"{root_id(session):016x}"}
    assert root.good
    asked = next(each for each in mine if each.name == "the operator is asked")
    assert root.start_ms <= asked.start_ms <= asked.end_ms <= root.end_ms
    assert asked.attributes["bedside.device"] == DEVICE


def test_every_line_of_console_and_relays_is_json_and_names_session_and_device(
    secrets: set[str], world: World, collector: Collector
) -> None:
    lines = [json.loads(line) for name in JSON for line in _lines(world, name)]
    assert all({"at_ms", "level", "event"} <= line.keys() for line in lines)
    session = next(s.attributes["bedside.session"] for s in collector.spans if s.name == ROOT)
    of_session = [line for line in lines if line.get("session") == session]
    assert {line["event"] for line in of_session} >= {"act", "request_answered", "session_ended"}
    assert any(line.get("device") == DEVICE and line.get("request") for line in of_session)


def test_no_log_of_the_whole_run_holds_a_secret(secrets: set[str], world: World) -> None:
    assert len(secrets) >= 9
    texts = {log.name: log.read_text("utf-8", "replace") for log in world.processes.logs.iterdir()}
    assert _holds(texts["web.log"], DEVICE)  # the search finds what is there
    for name, text in texts.items():
        assert [each for each in secrets if _holds(text, each)] == [], name


def _holds(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
