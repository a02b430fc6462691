"""The demonstration keeps its programs running, and says in a sentence what it does."""

from pathlib import Path

import pytest

from bedside.demo.alone import alone_in
from bedside.demo.cli import keep_running, main
from bedside.demo.processes import Processes, ProgramLostError, wait_for
from bedside.demo.restarts import Restarts
from bedside.language import Language


def ended(processes: Processes) -> None:
    """Wait until a program has ended."""
    wait_for("its end", lambda: bool(processes.ended()), within_s=60)


def test_a_program_that_is_killed_is_named_and_started_again(tmp_path: Path, capsys) -> None:
    with Processes(tmp_path) as processes:
        first = processes.start("relay-a", ["sh", "-c", "kill -9 $$"])
        ended(processes)
        keep_running(processes, Restarts(), Language.ENGLISH)
        assert "relay-a ended (SIGKILL) and is started again" in capsys.readouterr().out
        assert processes.pid("relay-a") != first


def test_one_that_ends_again_and_again_ends_the_demonstration(tmp_path: Path) -> None:
    restarts = Restarts(most=1)
    with Processes(tmp_path) as processes:
        processes.start("relay-a", ["sh", "-c", "echo no such port; exit 4"])
        ended(processes)
        keep_running(processes, restarts, Language.FRENCH)
        ended(processes)
        with pytest.raises(ProgramLostError) as lost:
            keep_running(processes, restarts, Language.FRENCH)
    sentence, *tail = str(lost.value).splitlines()
    assert sentence.startswith("relay-a a pris fin 2 fois")
    assert str(tmp_path / "relay-a.log") in sentence
    assert "no such port" in tail


def test_what_runs_is_left_alone(tmp_path: Path, capsys) -> None:
    with Processes(tmp_path) as processes:
        processes.start("relay-a", ["sleep", "600"])
        keep_running(processes, Restarts(), Language.ENGLISH)
        assert processes.names() == ["relay-a"]
    assert capsys.readouterr().out == ""


def test_a_second_demonstration_in_a_folder_says_that_one_runs(tmp_path: Path, capsys) -> None:
    with alone_in(tmp_path, Language.ENGLISH):
        assert main(["--folder", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert str(tmp_path) in said.err
    with alone_in(tmp_path, Language.FRENCH):
        pass
