"""The simulated injector: a fault that its menu can find and clear, patients that stay."""

import json
import threading
import urllib.request
from pathlib import Path

import pytest

from bedside.demo.injector import physics
from bedside.demo.injector.diagnostics import diagnostics_server
from bedside.demo.injector.menu import Menu
from bedside.demo.injector.store import CANARIES, Store
from bedside.demo.injector.words import WORDS


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.prepare()
    return store


def play(store: Store, *choices: str, language: str = "en", view: bool = False) -> str:
    said: list[str] = []
    answers = iter(choices)

    def ask(_prompt: str) -> str:
        try:
            return next(answers)
        except StopIteration:
            raise EOFError from None

    Menu(store, language=language, view=view, ask=ask, say=said.append).run()
    return "\n".join(said)


def cut_power(store: Store) -> None:
    store.change(lambda now: physics.step(physics.power_cut(now), 0.1))


def test_flow_rises_in_an_exam_and_pressure_follows() -> None:
    now = physics.start_exam(physics.Injector())
    for _ in range(20):
        now = physics.step(now, 0.5)

    assert now.flow == pytest.approx(4.5, abs=0.01)
    assert now.pressure == pytest.approx(945, abs=2)
    assert physics.stop_exam(now).flow < 0.01


def test_a_fault_stops_the_flow() -> None:
    now = physics.start_exam(physics.power_cut(physics.Injector()))

    assert physics.step(now, 5.0).flow == 0.0


def test_the_menu_finds_the_fault_and_clears_it_once_its_cause_is_gone(store: Store) -> None:
    cut_power(store)

    before = play(store, "4", "6")
    after = play(store, "5", "6", "4")

    assert "Self-test FAILED: 38.0 kPa" in before
    assert "Zero it first" in before
    assert "Fault cleared" in after
    assert "Self-test passed." in after
    assert store.load().fault is physics.Fault.NONE


def test_observation_changes_nothing(store: Store) -> None:
    cut_power(store)

    said = play(store, "5", "6", view=True)

    assert said.count("Refused: observation only") == 2
    assert store.load().sensor_offset == physics.SENSOR_DRIFT


def test_the_menu_never_shows_a_patient_though_the_log_names_them(store: Store) -> None:
    said = play(store, "3", language="fr")

    for canary in CANARIES:
        assert canary in store.events.read_text("utf-8")
        assert canary not in said
        assert canary not in store.service_log.read_text("utf-8")
    assert "patient=removed protocol=CT-ABDOMEN" in said


def test_the_menu_speaks_the_language_of_the_settings(tmp_path: Path) -> None:
    french = Store(tmp_path)
    french.prepare(language="fr")

    assert french.language == "fr"
    assert "Autotest réussi." in play(french, "4", language=french.language)


def test_both_languages_say_the_same_things() -> None:
    assert WORDS["fr"].keys() == WORDS["en"].keys()


def test_the_diagnostics_page_tells_the_state_on_loopback(store: Store) -> None:
    cut_power(store)
    server = diagnostics_server(store, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host, port = server.server_address[:2]
    assert isinstance(host, str)

    with urllib.request.urlopen(f"http://{host}:{port}/", timeout=5) as answer:
        told = json.load(answer)
    server.shutdown()
    server.server_close()

    assert host == "127.0.0.1"
    assert told["fault"] == "E12"


def test_the_trace_is_a_table_of_samples(store: Store) -> None:
    store.trace(store.load())

    head, sample = (store.root / "trace.csv").read_text("utf-8").splitlines()

    assert head == "t_s,pressure_kpa,flow_ml_s"
    assert sample == "0.0,0.0,0.0"
