"""The supervisor's patience with its worker: when it starts, what its loss ends, what Stop waits for."""

import contextlib
import fcntl
from dataclasses import replace
from types import SimpleNamespace

import pytest

from bedside.agent.keeper_plan import (
    LOOK_MS,
    SILENT_LOOKS,
    STARTING_LOOKS,
    STOP_LIMIT_MS,
    restart_delay_ms,
)
from bedside.agent.ledger import Ledger
from bedside.agent.reactor import Reactor
from bedside.agent.scribe import Scribe
from bedside.agent.work import Work
from bedside.protocol.poll import Message
from bedside.protocol.shapes import Relay
from bedside.vocabulary import (
    DeviceId,
    Ending,
    Gate,
    JournalAction,
    MessageKind,
    RelayName,
    SessionId,
)

ONE = SessionId("01JD5W8ZK3Q4R5S6T7V8W9X0YZ")
RECEIVED = JournalAction.ORDER_DOCUMENT_RECEIVED
REFUSED = JournalAction.ORDER_DOCUMENT_REFUSED
ENDED = JournalAction.SESSION_LIFE_ENDED
RELAY = Relay(name=RelayName("a"), host="127.0.0.1", server_name="relay-a.example", ports=(443,))
OTHER_RELAY = replace(RELAY, name=RelayName("b"), ports=(444,))


class Keeper:
    """A worker that starts at once, and dies when the test says."""

    def __init__(self, hear, exited):
        self.hear, self._exited = hear, exited
        self.running, self.starts, self.kills = False, 0, 0
        self.broken = self.dies_when_killed = False
        self.told = []

    @property
    def pid(self):
        return self.starts if self.running else None

    def start(self):
        self.starts += 1
        if self.broken:
            raise BlockingIOError("no more processes")
        self.running = True

    def tell(self, message):
        self.told.append(message)

    def kill(self, why):
        self.kills += 1
        if self.dies_when_killed:
            self.die()

    def die(self, lost="signal 9"):
        self.running = False
        self._exited(lost)


class Pausable(Reactor):
    """A loop on a machine that may stand still."""

    def __init__(self):
        super().__init__()
        self.still_ms = 0

    def now_ms(self):
        return Reactor.now_ms() + self.still_ms


class Play:
    """The supervisor's side of a worker that dies when told, on a real journal."""

    def __init__(self, folder):
        self.reactor = Pausable()
        self.ledger = Ledger(folder / "journal", DeviceId("CI-20417"))
        self.scribe = Scribe(
            self.reactor,
            self.ledger.journal,
            faulty=lambda refused: None,
            settled=lambda: self.work.tend(),  # noqa: PLW0108 - made below
        )
        self.answers, self.verifications = [], []
        self.work = Work(
            self.reactor,
            self._make_keeper,
            config=SimpleNamespace(to_json=lambda: "{}"),
            identity=SimpleNamespace(
                next=None, current=SimpleNamespace(validity_ms=(0, 10**15)), folder=None
            ),
            ledger=self.ledger,
            scribe=self.scribe,
            board=SimpleNamespace(
                clear=lambda: None,
                session=None,
                verification=None,
                require_verification=self._require_verification,
            ),
            handled=lambda message_id: None,
            configured=lambda: None,
            renewed=lambda: None,
            now_ms=lambda: 0,
        )
        self.scribe.begin()
        self.keeper.reactor = self.reactor

    def _make_keeper(self, hear, exited):
        self.keeper = Keeper(hear, exited)
        return self.keeper

    def _require_verification(self, due):
        self.verifications.append(due.session)
        assert self.endings() == [], "the ending stood before what it must not outlive"

    def receive(self, session):
        detail = {"person": "Marie", "mode": "control"}
        self.ledger.write(RECEIVED, session=session, case="C-1", detail=detail)
        self.ledger.write(JournalAction.SESSION_LIFE_LIVE, session=session)

    def endings(self):
        entries, _ = self.ledger.page(None, 100)
        return [one["detail"]["ending"] for one in entries if one["action"] == ENDED]

    def turn_until(self, what):
        while not what():
            self.reactor.later(1, lambda: None)
            self.reactor.turn()

    def close(self):
        self.reactor.close()
        self.ledger.close()


@pytest.fixture
def play(tmp_path):
    made = Play(tmp_path)
    yield made
    made.close()


@contextlib.contextmanager
def held(play):
    """Another program has the journal in its hand."""
    with (play.ledger.journal.path.parent / "lock").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def message(number):
    return Message(f"01JD{number:022}", MessageKind.ORDER, b"sealed")


def test_a_worker_that_is_lost_again_before_it_did_anything_stays_down_longer_each_time(play):
    play.work.take(message(1), RELAY, 443)
    play.keeper.die()
    assert play.keeper.starts == 2  # the first loss costs no time

    play.keeper.die()

    assert play.keeper.starts == 2
    assert restart_delay_ms(2) > 0


def test_a_worker_that_had_dealt_with_a_message_is_started_at_once_however_often_it_is_lost(play):
    for number in range(8):
        play.work.take(message(number), RELAY, 443)
        assert play.keeper.starts == number + 1
        play.keeper.hear({"do": "handled", "id": message(number).id})
        play.keeper.die()


def test_a_worker_that_the_system_cannot_start_is_tried_again_later(play):
    play.keeper.broken = True
    play.work.take(message(1), RELAY, 443)
    play.work.tend()
    assert play.keeper.starts == 1
    play.keeper.broken = False
    play.turn_until(lambda: play.keeper.running)


def test_a_lost_worker_ends_its_session_and_its_questions(play):
    play.work.take(message(1), RELAY, 443)
    play.receive(ONE)
    play.work.ask({"do": "accept"}, play.answers.append)
    play.keeper.die()
    assert play.endings() == ["failed"]
    assert play.verifications == [ONE]
    assert play.answers == [Gate.DEVICE_STATE]


def test_no_worker_starts_before_the_ending_that_is_owed(play):
    play.work.take(message(1), RELAY, 443)
    play.receive(ONE)
    with held(play):
        play.work.stop(play.answers.append)
        play.keeper.die()
        assert play.answers == []
        # The operator is not kept waiting for a journal that somebody holds.
        play.turn_until(lambda: play.answers == [None])
        play.work.tend()
        assert play.keeper.starts == 1
    play.turn_until(lambda: play.keeper.starts == 2)
    assert play.endings() == ["by_operator"]


def test_a_stop_that_the_worker_obeyed_kills_it_not(play):
    play.work.take(message(1), RELAY, 443)
    play.receive(ONE)
    play.work.stop(play.answers.append)
    play.ledger.write_ending(ONE, Ending.BY_OPERATOR, case="C-1")
    with held(play):
        play.keeper.hear({"do": "answer", "answer": 1, "gate": None})
    assert play.answers == [None]
    play.turn_until(lambda: not play.scribe.waits)
    play.reactor.later(STOP_LIMIT_MS + 1, lambda: play.answers.append("later"))
    play.turn_until(lambda: play.answers[-1] == "later")
    assert play.keeper.kills == 0


def test_a_stop_that_the_worker_did_not_obey_kills_it(play):
    play.work.take(message(1), RELAY, 443)
    play.receive(ONE)
    play.work.stop(play.answers.append)
    play.turn_until(lambda: play.keeper.kills == 1)
    # A disk keeps it from dying: the operator is answered, since it does nothing more.
    play.turn_until(lambda: play.answers == [None])
    assert play.endings() == []
    play.keeper.die()
    assert play.endings() == ["by_operator"]


def look(play, times=1):
    for _ in range(times):
        play.reactor.still_ms += LOOK_MS
        play.work.tend()


def test_a_worker_is_not_killed_for_what_the_machine_stood_still(play):
    play.work.take(message(1), RELAY, 443)
    play.keeper.hear({"do": "alive"})
    play.reactor.still_ms += 600_000
    play.work.tend()
    assert play.keeper.kills == 0


def test_a_worker_that_says_nothing_on_and_on_is_killed_however_often_somebody_looks(play):
    play.work.take(message(1), RELAY, 443)
    play.keeper.hear({"do": "alive"})
    for _ in range(100):
        play.work.tend()
    assert play.keeper.kills == 0
    look(play, SILENT_LOOKS)
    assert play.keeper.kills == 0
    play.keeper.hear({"do": "alive"})
    look(play, SILENT_LOOKS)
    assert play.keeper.kills == 0
    look(play)
    assert play.keeper.kills == 1


def test_a_worker_that_is_slow_to_start_is_waited_for(play):
    play.work.take(message(1), RELAY, 443)
    look(play, STARTING_LOOKS)
    assert play.keeper.kills == 0
    look(play)
    assert play.keeper.kills == 1


def refused(play):
    entries, _ = play.ledger.page(None, 100)
    return [one["gate"] for one in entries if one["action"] == REFUSED]


def again(play):
    play.reactor.still_ms += 60_000
    play.work.tend()


def test_a_message_over_which_a_worker_dies_again_and_again_is_refused(play):
    play.work.take(message(1), RELAY, 443)
    for losses in range(3):
        assert play.keeper.starts == losses + 1
        assert refused(play) == []
        play.keeper.hear({"do": "alive"})
        play.keeper.die()
        again(play)
    assert refused(play) == [Gate.ORDER_MALFORMED]
    assert [told["do"] for told in play.keeper.told].count("message") == 3


@pytest.mark.parametrize(
    ("lost", "words"), [("stopped", ["alive"]), ("silent", [])], ids=["by a Stop", "at its start"]
)
def test_a_message_is_not_refused_for_what_it_did_not_do(play, lost, words):
    play.work.take(message(1), RELAY, 443)
    for _ in range(5):
        for word in words:
            play.keeper.hear({"do": word})
        play.keeper.die(lost)
        again(play)
    assert refused(play) == []


def test_a_message_that_the_relay_gives_again_is_told_the_worker_once(play):
    play.work.take(message(1), RELAY, 443)
    play.work.take(message(1), OTHER_RELAY, 444)
    assert [told["do"] for told in play.keeper.told].count("message") == 1
    play.keeper.die()
    # The next worker goes to the relay that gave it last: the first may be gone.
    assert [told["port"] for told in play.keeper.told if told["do"] == "message"] == [443, 444]


def test_the_worker_hears_that_the_supervisor_turns(play):
    play.work.take(message(1), RELAY, 443)
    play.keeper.told.clear()
    play.work.tend()
    assert play.keeper.told == [{"do": "alive"}]


def test_at_the_end_what_is_open_is_ended_though_the_worker_does_not_leave(play):
    play.work.take(message(1), RELAY, 443)
    play.receive(ONE)
    play.keeper.dies_when_killed = True
    play.work.end()
    assert play.keeper.told[-1] == {"do": "leave"}
    assert play.endings() == ["failed"]
    assert play.keeper.starts == 1
