"""Who controls: handed over by name, taken by the person, back at any moment, nobody's after a loss."""

import pytest

from bedside.agent.ssh.helm import Helm, Seat, Turn
from bedside.agent.ssh.plan import Refusal
from bedside.language import Language
from bedside.vocabulary import DeviceId, JournalAction, SiteAction

OFFERED, TAKEN = JournalAction.SESSION_CONTROL_OFFERED, JournalAction.SESSION_CONTROL_TAKEN
STARTED, JOINED = Seat.STARTED, Seat.JOINED
pytestmark = pytest.mark.asyncio


class Heir:
    device = DeviceId("CI-20417")
    language = Language.ENGLISH
    actions = frozenset({SiteAction.FILES_IN})

    def __init__(self, play: "Play", name: str = "Jean Roy") -> None:
        self.name = name
        self.play = play
        self.broken = False
        self.ended_by: list[object] = []

    def take(self) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.play.written.append((JournalAction.SESSION_CONTROL_PASSED, self.name))

    def moved(self) -> None:
        self.play.written.append(("moved", self.name))

    def did(self, text: str) -> None:
        self.play.written.append((text, self.name))

    def lost(self) -> None:
        self.ended_by.append("lost")

    async def end(self, by: Seat) -> None:
        self.ended_by.append(by)
        self.play.helm.forget(self)


class Play:
    """A helm, what it wrote, what it said, and how often it changed hands."""

    def __init__(self) -> None:
        self.written: list[tuple] = []
        self.said: list[Turn] = []
        self.holders: list[Seat | None] = []
        self.helm = Helm(lambda turn, _: self.said.append(turn))
        self.helm.follow(lambda: self.holders.append(self.helm.holder))
        self.heir = Heir(self)

    async def record(self, action, person):
        self.written.append((action, person))

    async def hand(self, seat=STARTED, name="Jean Roy"):
        return await self.helm.hand(seat, name, self.record)

    async def take(self, seat, watchers=1):
        return await self.helm.take(seat, self.record, watchers=watchers)

    async def passed(self):
        self.helm.allow(self.heir)
        assert await self.hand() is None
        assert await self.take(JOINED) is None
        assert self.helm.holder is JOINED


@pytest.fixture
def play():
    return Play()


async def test_it_is_handed_by_name_and_passes_when_it_is_taken(play):
    play.helm.allow(play.heir)
    assert await play.take(JOINED) is Refusal.NOT_OFFERED
    assert await play.hand(name="Somebody Else") is Refusal.NOBODY_ALLOWED
    assert await play.hand(name="jean roy") is None
    assert play.helm.holder is STARTED
    assert play.written == [(OFFERED, "Jean Roy")]
    assert await play.take(JOINED, watchers=0) is Refusal.NOT_WATCHING
    assert play.helm.holder is STARTED
    assert await play.take(JOINED) is None
    assert play.helm.holder is JOINED
    assert play.written[1:] == [(JournalAction.SESSION_CONTROL_PASSED, "Jean Roy")]
    assert play.said == [Turn.ALLOWED, Turn.OFFERED, Turn.PASSED]
    assert play.holders == [JOINED]


async def test_nobody_is_handed_it_whom_order_and_operator_did_not_allow(play):
    assert await play.hand() is Refusal.NOBODY_ALLOWED
    play.helm.allow(play.heir)
    play.helm.forget(play.heir)
    assert await play.hand() is Refusal.NOBODY_ALLOWED
    assert play.written == []
    assert play.said == [Turn.ALLOWED, Turn.LAPSED]


async def test_whoever_does_not_have_it_hands_nothing_over(play):
    play.helm.allow(play.heir)
    assert await play.hand(JOINED) is Refusal.NOT_IN_CONTROL
    assert await play.helm.give(JOINED) is Refusal.NOT_IN_CONTROL
    await play.hand()
    await play.take(JOINED)
    for seat in Seat:
        assert await play.hand(seat) is Refusal.NOT_IN_CONTROL
    assert await play.helm.give(STARTED) is Refusal.NOT_IN_CONTROL
    assert play.helm.holder is JOINED


async def test_whoever_started_takes_it_back_and_it_is_never_two_peoples(play):
    await play.passed()
    assert await play.take(STARTED) is None
    assert play.heir.ended_by == [STARTED]
    assert play.written[-1] == (TAKEN, "Jean Roy")
    # Nobody's for the moment in between.
    assert play.holders == [JOINED, None, STARTED]
    assert await play.take(JOINED) is Refusal.NOT_OFFERED
    assert await play.take(STARTED) is None
    assert play.written.count((TAKEN, "Jean Roy")) == 1


async def test_an_offer_is_taken_back_before_it_is_taken(play):
    play.helm.allow(play.heir)
    await play.hand()
    assert await play.take(STARTED) is None
    assert play.written == [(OFFERED, "Jean Roy"), (TAKEN, "Jean Roy")]
    assert play.heir.ended_by == []
    assert await play.take(JOINED) is Refusal.NOT_OFFERED
    assert await play.hand() is None
    assert await play.take(JOINED) is None


@pytest.mark.parametrize("how", ["given", "lost", "ended"])
async def test_however_it_ends_it_is_nobodys_until_whoever_started_takes_it(play, how):
    await play.passed()
    if how == "given":
        assert await play.helm.give(JOINED) is None
    elif how == "lost":
        play.helm.watched(1)
        assert play.helm.holder is JOINED
        play.helm.watched(0)
    else:
        play.helm.forget(play.heir)
    assert play.helm.holder is None
    assert play.said[-1] is Turn.OVER
    assert await play.hand() is Refusal.NOT_IN_CONTROL
    assert await play.take(JOINED) is Refusal.NOT_OFFERED
    assert await play.take(STARTED) is None
    assert play.helm.holder is STARTED
    assert play.written[-1] == (TAKEN, "Jean Roy" if how == "lost" else "")


async def test_whoever_was_cut_off_is_ended_before_it_is_taken_back(play):
    await play.passed()
    play.helm.watched(0)
    assert (play.helm.holder, play.heir.ended_by) == (None, ["lost"])
    assert await play.take(STARTED) is None
    assert play.heir.ended_by == ["lost", STARTED]
    assert play.said[-2:] == [Turn.OVER, Turn.TAKEN]


async def test_what_cannot_be_written_does_not_pass(play):
    play.helm.allow(play.heir)
    await play.hand()
    play.heir.broken = True
    with pytest.raises(OSError):
        await play.take(JOINED)
    assert play.helm.holder is STARTED
    assert play.holders == []


async def test_what_the_loser_has_under_way_is_cut_and_nothing_of_the_other(play):
    cut: list[str] = []
    play.helm.cut(STARTED, lambda: cut.append("files"))
    forget = play.helm.cut(STARTED, lambda: cut.append("over already"))
    play.helm.cut(JOINED, lambda: cut.append("theirs"))
    forget()
    turns = play.helm.turns
    await play.passed()
    assert cut == ["files"]
    assert play.helm.turns == turns + 1
    await play.take(STARTED)
    assert cut == ["files", "theirs"]


async def test_what_whoever_joined_does_counts_while_they_control(play):
    play.helm.allow(play.heir)
    play.helm.did("before")
    play.helm.moved()
    await play.hand()
    await play.take(JOINED)
    assert play.helm.actions == {SiteAction.FILES_IN}
    assert [each for each, _ in play.written] == [OFFERED, JournalAction.SESSION_CONTROL_PASSED]
    play.helm.moved()
    play.helm.did("/inbox/fix.cfg")
    assert play.written[-2:] == [("moved", "Jean Roy"), ("/inbox/fix.cfg", "Jean Roy")]
    play.helm.forget(play.heir)
    assert play.helm.actions == frozenset()


async def test_an_older_hand_over_forgets_nothing_of_a_newer_one(play):
    play.helm.allow(play.heir)
    newer = Heir(play, "Ann Lee")
    play.helm.allow(newer)
    play.helm.forget(play.heir)
    assert await play.hand(name="Ann Lee") is None


async def test_who_watches_for_the_site_is_never_handed_it_nor_takes_it(play):
    play.helm.allow(play.heir)
    assert await play.hand() is None
    assert await play.take(Seat.SITE) is Refusal.NOT_OFFERED
    assert await play.hand(Seat.SITE) is Refusal.NOT_IN_CONTROL
    assert await play.helm.give(Seat.SITE) is Refusal.NOT_IN_CONTROL
    assert play.helm.holder is STARTED
    assert await play.take(JOINED) is None
