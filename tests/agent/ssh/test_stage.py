"""Who watches which terminal, and that nobody waits for a watcher."""

from bedside.agent.ssh.stage import Stage


class Screen:
    def __init__(self, size):
        self.size = size
        self.said: list[str] = []
        self.redrawn = 0

    def say(self, text):
        self.said.append(text)

    def redraw(self):
        self.redrawn += 1


class Watcher:
    def __init__(self):
        self.seen: list = []

    def show(self, data):
        self.seen.append(data)

    def turned(self, size):
        self.seen.append(size)


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
