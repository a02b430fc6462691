"""Who watches which terminal, and that nobody waits for a watcher."""

from types import SimpleNamespace

from bedside.agent.ssh.helm import Seat
from bedside.agent.ssh.stage import Stage
from bedside.language import Language

HEIR = SimpleNamespace(name="Jean Roy", device="CI-20417", language=Language.ENGLISH)


class Screen:
    def __init__(self, size):
        self.size = size
        self.said: list[str] = []
        self.redrawn = 0
        self.typed = b""

    def say(self, text):
        self.said.append(text)

    def redraw(self):
        self.redrawn += 1

    def type(self, data, press):
        self.typed += data
        self.press = press


class Watcher:
    def __init__(self):
        self.seen: list = []

    def show(self, data):
        self.seen.append(data)

    def turned(self, size):
        self.seen.append(size)

    def say(self, text):
        self.seen.append(text)


def test_who_watches_sees_the_newest_terminal_from_then_on():
    stage, first, second, watcher = Stage(), Screen((80, 24)), Screen((100, 30)), Watcher()
    stage.opened(first)
    stage.shows(first, b"before")
    stage.watch(watcher, "Jean watches")
    stage.shows(first, b"a")
    stage.opened(second)
    stage.shows(first, b"not seen")
    stage.shows(second, b"b")
    stage.closed(second)
    stage.shows(first, b"c")
    stage.closed(first)
    assert watcher.seen == [(80, 24), b"a", (100, 30), b"b", (80, 24), b"c", None]
    assert first.said == ["Jean watches"]
    assert first.redrawn == 2


def test_the_owner_reads_who_left_and_nothing_more_is_shown():
    stage, screen, watcher = Stage(), Screen((80, 24)), Watcher()
    stage.watch(watcher, "Jean watches")
    assert watcher.seen == [None]
    stage.opened(screen)
    stage.leave(watcher, "Jean left")
    stage.leave(watcher, "Jean left")
    stage.shows(screen, b"a")
    stage.redraw()
    assert watcher.seen == [None, (80, 24)]
    assert screen.said == ["Jean left"]
    assert screen.redrawn == 0


def test_a_terminal_that_was_never_shown_closes_without_a_word():
    stage, watcher = Stage(), Watcher()
    stage.watch(watcher, "")
    stage.closed(Screen((80, 24)))
    assert watcher.seen == [None]


def test_keys_go_to_the_terminal_that_is_shown():
    stage, first, second = Stage(), Screen((80, 24)), Screen((100, 30))
    stage.type(b"nobody", None)
    stage.opened(first)
    stage.opened(second)
    stage.type(b"a", None)
    stage.closed(second)
    stage.type(b"b", None)
    assert (first.typed, second.typed) == (b"b", b"a")


def test_everybody_reads_who_controls():
    stage, screen, watcher = Stage(), Screen((80, 24)), Watcher()
    stage.opened(screen)
    stage.watch(watcher, "Jean watches")
    stage.helm.allow(HEIR)
    assert "bedside control hand CI-20417 'Jean Roy'" in screen.said[-1]
    assert "It is yours once it is handed to you" in watcher.seen[-1]
    stage.helm.forget(HEIR)
    assert "Jean Roy cannot be handed control any more." in screen.said[-1]


def test_a_last_terminal_that_is_left_is_told_to_the_helm():
    stage, one, other = Stage(), Watcher(), Watcher()
    left: list[int] = []
    stage.helm.watched = left.append
    for watcher in (one, other):
        stage.watch(watcher, "")
    assert stage.watchers == 2
    stage.leave(one, "")
    stage.leave(one, "")
    stage.leave(other, "")
    assert left == [1, 0]


def test_who_watches_for_the_site_reads_who_controls_and_counts_for_no_hand_over():
    stage, screen, site, guest = Stage(), Screen((80, 24)), Watcher(), Watcher()
    stage.opened(screen)
    stage.watch(site, "Julie watches", seat=Seat.SITE)
    assert screen.said == ["Julie watches"]
    stage.helm.allow(HEIR)
    assert "Jean Roy may be handed control." in site.seen[-1]
    assert "yours" not in site.seen[-1]
    assert stage.watchers == 0
    stage.watch(guest, "Jean watches")
    assert stage.watchers == 1
    stage.shows(screen, b"prompt$ ")
    assert site.seen[-1] == guest.seen[-1] == b"prompt$ "
    left: list[int] = []
    stage.helm.watched = left.append
    stage.leave(guest, "")
    assert left == [0]
