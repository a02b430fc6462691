"""The supervisor's patience with its worker: how long a lost one stays down."""

from types import SimpleNamespace

from bedside.agent.keeper_plan import restart_delay_ms
from bedside.agent.reactor import Reactor
from bedside.agent.work import Work
from bedside.audit.chain import GENESIS
from bedside.protocol.poll import Message
from bedside.protocol.shapes import Relay
from bedside.vocabulary import MessageKind, RelayName

RELAY = Relay(name=RelayName("a"), host="127.0.0.1", server_name="relay-a.example", ports=(443,))


class Keeper:
    """A worker that starts at once, and dies when the test says."""

    def __init__(self, hear, exited):
        self.hear, self._exited = hear, exited
        self.running, self.heard_ms, self.starts = False, 0, 0

    def start(self):
        self.running = True
        self.starts += 1

    def tell(self, message):
        """Nobody listens."""

    def die(self):
        self.running = False
        self._exited(False)


class Ledger:
    """A journal with no news and no open session."""

    journal = SimpleNamespace(acknowledged=lambda: GENESIS)

    def has_news_after(self, _size):
        return False

    def open_sessions(self):
        return []

    def end_open_sessions(self, _ending, _detail):
        return []

    def write(self, *_action, **_facts):
        """Keep nothing."""


def made():
    reactor, keepers = Reactor(), []

    def make(hear, exited):
        keepers.append(Keeper(hear, exited))
        return keepers[0]

    work = Work(
        reactor,
        make,
        config=SimpleNamespace(to_json=lambda: "{}"),
        identity=SimpleNamespace(
            next=None, current=SimpleNamespace(validity_ms=(0, 10**15)), folder=None
        ),
        ledger=Ledger(),
        board=SimpleNamespace(clear=lambda: None, set_fault=lambda gate: True),
        handled=lambda message_id: None,
        configured=lambda: None,
        renewed=lambda: None,
        now_ms=lambda: 0,
    )
    return reactor, work, keepers[0]


def message(number):
    return Message(f"01JD{number:022}", MessageKind.ORDER, b"sealed")


def test_a_worker_that_is_lost_again_before_it_did_anything_stays_down_longer_each_time():
    reactor, work, keeper = made()
    work.take(message(1), RELAY, 443)
    keeper.die()
    assert keeper.starts == 2  # the first loss costs no time

    keeper.die()

    assert keeper.starts == 2
    assert restart_delay_ms(2) > 0
    reactor.close()


def test_a_worker_that_had_dealt_with_a_message_is_started_at_once_however_often_it_is_lost():
    reactor, work, keeper = made()
    for number in range(8):
        work.take(message(number), RELAY, 443)
        assert keeper.starts == number + 1
        keeper.hear({"do": "handled", "id": message(number).id})
        keeper.die()
    reactor.close()
