"""The supervisor's loop."""

import os
import signal
import socket
import time
from pathlib import Path

from bedside.agent.reactor import READ, WRITE, Reactor


def test_timers_come_in_order_and_only_once():
    reactor, called = Reactor(), []
    reactor.later(2, lambda: called.append("b"))
    reactor.later(1, lambda: called.append("a"))
    cancelled = reactor.later(1, lambda: called.append("never"))
    cancelled.cancel()
    reactor.later(5, reactor.stop)
    reactor.run()
    assert called == ["a", "b"]
    reactor.close()


def test_a_timer_may_cancel_another_of_its_turn():
    reactor, called = Reactor(), []

    def cancel() -> None:
        called.append("first")
        second.cancel()

    reactor.later(0, cancel)
    second = reactor.later(0, lambda: called.append("never"))
    reactor.later(1, reactor.stop)
    reactor.run()
    assert called == ["first"]
    reactor.close()


def test_files_are_watched_replaced_and_forgotten():
    reactor, called = Reactor(), []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reactor.watch(ours, READ, lambda _: called.append("first"))
        reactor.watch(ours, READ | WRITE, called.append)
        theirs.send(b"x")
        reactor.turn()
        assert called == [READ | WRITE]
        reactor.forget(ours)
        reactor.forget(ours)
        reactor.later(0, lambda: called.append("timer"))
        reactor.turn()
        assert called == [READ | WRITE, "timer"]
    reactor.close()


def test_a_file_forgotten_by_another_of_its_turn_is_not_called():
    reactor, called = Reactor(), []
    one, one_end = socket.socketpair()
    two, two_end = socket.socketpair()
    with one, one_end, two, two_end:

        def forget_both(_events: int) -> None:
            called.append("one")
            reactor.forget(one)
            reactor.forget(two)

        reactor.watch(one, READ, forget_both)
        reactor.watch(two, READ, forget_both)
        one_end.send(b"x")
        two_end.send(b"x")
        reactor.turn()
        assert called == ["one"]
    reactor.close()


def test_a_broken_file_is_readable_and_writable():
    reactor, called = Reactor(), []
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        reactor.watch(ours, READ, called.append)
        reactor.turn()
        assert called == [READ | WRITE]
        reactor.forget(ours)
    reactor.close()


def test_what_came_while_it_stood_still_is_read_before_a_timer_that_fell_due_meanwhile():
    ours, theirs = socket.socketpair()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        reactor, called = Reactor(), []
        reactor.watch(ours, READ, lambda _events: (called.append(b"read"), reactor.forget(ours)))
        reactor.later(1_000, lambda: (called.append(b"timer"), reactor.stop()))
        os.write(tell, b"!")
        reactor.run()
        os.write(tell, b" ".join(called))
        os._exit(0)
    os.read(told, 1)
    while Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        time.sleep(0.01)  # it does not wait yet
    os.kill(child, signal.SIGSTOP)
    theirs.send(b"word")
    time.sleep(1.5)
    os.kill(child, signal.SIGCONT)
    assert os.read(told, 100) == b"read timer"
    os.waitpid(child, 0)
    for each in (ours, theirs):
        each.close()
    os.close(told)
    os.close(tell)
