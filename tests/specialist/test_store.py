"""What the command line keeps on the specialist's computer."""

import multiprocessing
from pathlib import Path

import pytest

from bedside.specialist.store import (
    Login,
    SessionFolder,
    forget_login,
    load_login,
    save_login,
    session_folders,
)

OLD, NEW = "01JD0000000000000000000000", "01JD0000000000000000000001"


def test_a_login_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "config" / "login.json"
    login = Login("https://console.example", "t0ken", None)

    save_login(path, login)

    assert load_login(path) == login
    assert path.stat().st_mode & 0o777 == 0o600
    forget_login(path)
    assert load_login(path) is None


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b'{"console": 1}', b'{"x": 2}'])
def test_a_login_that_cannot_be_read_is_none(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "login.json"
    path.write_bytes(left)

    assert load_login(path) is None


@pytest.mark.parametrize("name", ["../../etc", "", "01jd0000000000000000000000", "x" * 26])
def test_only_a_session_id_becomes_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="session id"):
        SessionFolder(tmp_path, name)


def test_files_of_a_session_are_private(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path, NEW)

    folder.write("key", b"secret")

    assert folder.key.read_bytes() == b"secret"
    assert folder.key.stat().st_mode & 0o777 == 0o600
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_sessions_are_listed_oldest_first_and_strangers_left_alone(tmp_path: Path) -> None:
    for name in (NEW, OLD):
        SessionFolder(tmp_path, name).write("session.json", b"{}")
    SessionFolder(tmp_path, "01JD0000000000000000000002").write("key", b"begun, never told of")
    (tmp_path / "notes").mkdir()

    assert [folder.session for folder in session_folders(tmp_path)] == [OLD, NEW]
    assert session_folders(tmp_path / "nowhere") == []


def _take(sessions: Path, taken: "multiprocessing.Queue[int]") -> None:
    folder = SessionFolder(sessions, NEW)
    for _ in range(20):
        taken.put(folder.take_proof_index())


def test_no_proof_is_taken_twice_by_two_ssh_at_once(tmp_path: Path) -> None:
    SessionFolder(tmp_path, NEW).write("session.json", b"{}")
    spawn = multiprocessing.get_context("spawn")
    taken: multiprocessing.Queue[int] = spawn.Queue()
    processes = [spawn.Process(target=_take, args=(tmp_path, taken)) for _ in range(2)]
    for process in processes:
        process.start()
    indices = [taken.get(timeout=30) for _ in range(40)]
    for process in processes:
        process.join()

    assert sorted(indices) == list(range(40))


def test_a_removed_session_leaves_nothing(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path, NEW)
    folder.write("key", b"secret")

    folder.remove()

    assert not folder.path.exists()
