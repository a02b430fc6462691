"""Keys are remembered once, and only a person replaces one."""

import json
import multiprocessing
from pathlib import Path

import pytest

from bedside.language import Language
from bedside.specialist.errors import CliError, ExitCode, KeyRefusedError
from bedside.specialist.trust import Trust
from bedside.vocabulary import DeviceId

CONSOLE, OTHER = "https://console.example", "https://other.example"
ONE, TWO = (f"SHA256:{letter * 43}" for letter in "AB")
INJECTOR, WORKSTATION = DeviceId("CI-20417"), DeviceId("WS-00311")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "trust.json"


def trust(path: Path, console: str = CONSOLE, language: Language = Language.ENGLISH) -> Trust:
    return Trust(path, console, language=language)


def test_the_first_ca_is_remembered_and_the_same_one_taken_again(path: Path) -> None:
    assert trust(path).host_ca is None
    assert trust(path).check_host_ca(ONE)
    assert not trust(path).check_host_ca(ONE)
    assert trust(path).host_ca == ONE
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_ca_is_refused_with_both_in_words_and_changes_nothing(path: Path) -> None:
    trust(path).check_host_ca(ONE)

    with pytest.raises(KeyRefusedError) as refused:
        trust(path).check_host_ca(TWO)

    assert refused.value.exit_code is ExitCode.KEY_REFUSED
    said = "\n".join(refused.value.sentences)
    assert ONE in said
    assert f"bedside trust --host-ca {TWO}" in said
    assert trust(path).host_ca == ONE
    trust(path).replace_host_ca(TWO)
    assert not trust(path).check_host_ca(TWO)


def test_each_device_has_a_key_of_its_own(path: Path) -> None:
    assert trust(path).check_device(INJECTOR, ONE)
    assert trust(path).check_device(WORKSTATION, TWO)
    assert not trust(path).check_device(INJECTOR, ONE)

    with pytest.raises(KeyRefusedError, match=rf"bedside trust --device {INJECTOR}") as refused:
        trust(path).check_device(INJECTOR, TWO)

    assert refused.value.exit_code == 8
    assert trust(path).devices == {INJECTOR: ONE, WORKSTATION: TWO}
    trust(path).replace_device(INJECTOR, TWO)
    assert not trust(path).check_device(INJECTOR, TWO)


def test_two_consoles_share_nothing(path: Path) -> None:
    trust(path).check_host_ca(ONE)
    trust(path).check_device(INJECTOR, ONE)

    assert trust(path, OTHER).check_host_ca(TWO)
    assert trust(path, OTHER).check_device(INJECTOR, TWO)
    assert trust(path).host_ca == ONE


@pytest.mark.parametrize(
    "left",
    [
        b"",
        b"[]",
        b"{",
        json.dumps({CONSOLE: []}).encode(),
        json.dumps({CONSOLE: {"host_ca": ""}}).encode(),
        json.dumps({CONSOLE: {"devices": []}}).encode(),
        json.dumps({CONSOLE: {"devices": {"CI-1": 1}}}).encode(),
    ],
)
def test_a_file_that_cannot_be_read_is_not_begun_anew(path: Path, left: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(left)

    for check in (trust(path).check_host_ca, lambda key: trust(path).check_device(INJECTOR, key)):
        with pytest.raises(CliError, match=r"trust\.json"):
            check(ONE)
    assert path.read_bytes() == left


def test_refusals_speak_french(path: Path) -> None:
    trust(path).check_host_ca(ONE)
    with pytest.raises(KeyRefusedError, match="une autre autorité d’hôte"):
        trust(path, language=Language.FRENCH).check_host_ca(TWO)


def _remember(path: Path, numbers: range) -> None:
    for number in numbers:
        trust(path).check_device(DeviceId(f"CI-{number}"), ONE)


def test_two_commands_at_once_forget_nothing(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    shares = (range(20), range(20, 40))
    processes = [spawn.Process(target=_remember, args=(path, share)) for share in shares]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert len(trust(path).devices) == 40
