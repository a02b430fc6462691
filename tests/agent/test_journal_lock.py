"""Who waits for the journal, for how long, and what is said when patience ends."""

import fcntl
import threading

import pytest

from bedside.agent.journal_lock import JournalHeldError, JournalLock


@pytest.fixture
def lock(tmp_path):
    made = JournalLock(tmp_path / "lock", patience_ms=0)
    yield made
    made.close()


@pytest.fixture
def other(tmp_path, lock):
    """The lock file in the hand of another program; the test takes and lets go."""
    del lock
    with (tmp_path / "lock").open("rb") as file:
        yield file


def test_without_patience_what_is_held_is_refused_at_once(lock, other):
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(JournalHeldError, match="another program"), lock.held():
        pytest.fail("two had it")
    fcntl.flock(other, fcntl.LOCK_UN)
    with lock.held(), pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_patience_waits_until_it_is_free(lock, other):
    fcntl.flock(other, fcntl.LOCK_EX)
    lock.patience_ms = 60_000
    waiting = threading.Event()

    def let_go():
        waiting.wait()
        fcntl.flock(other, fcntl.LOCK_UN)

    letting_go = threading.Thread(target=let_go)
    letting_go.start()
    waiting.set()
    with lock.held():
        pass
    letting_go.join()


def test_patience_ends(lock, other):
    fcntl.flock(other, fcntl.LOCK_EX)
    lock.patience_ms = 30
    with pytest.raises(JournalHeldError), lock.held():
        pytest.fail("two had it")


def test_threads_of_one_program_are_kept_apart_too(lock):
    refused = []

    def try_it():
        try:
            with lock.held():
                pass
        except JournalHeldError as error:
            refused.append(str(error))

    with lock.held():
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    assert refused == ["another thread has the journal"]
    try_it()
    assert len(refused) == 1


def test_an_error_under_the_lock_frees_it(lock):
    with pytest.raises(ZeroDivisionError), lock.held():
        raise ZeroDivisionError
    with lock.held():
        pass
