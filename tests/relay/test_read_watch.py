"""Reads that do not end are ended by another thread; whatever else is slow is left alone."""

import contextlib
import time

from bedside.relay.read_watch import Reads, ReadWatch


class Link:
    def __init__(self):
        self.is_cut = False

    def cut(self):
        self.is_cut = True


@contextlib.contextmanager
def watched():
    reads, told = Reads(), []
    watch = ReadWatch(reads, told.append)
    watch.start()
    try:
        yield reads, told
    finally:
        watch.stop()


def busy(link, seconds, each=lambda: None):
    """Use the CPU until the link is cut, or for so long."""
    end = time.thread_time() + seconds
    while not link.is_cut and time.thread_time() < end:
        each()


def test_a_read_that_goes_on_and_on_is_cut_and_told():
    link = Link()
    with watched() as (reads, told):
        reads.count, reads.of = 1, link
        busy(link, 10)
        assert link.is_cut
        reads.of = None
        end = time.monotonic() + 60
        while not told and time.monotonic() < end:
            time.sleep(0.01)
        assert told == [link]


def test_a_read_that_goes_on_is_cut_where_others_take_most_of_the_cpu():
    link = Link()
    with watched() as (reads, _):
        reads.count, reads.of = 1, link

        def wait_for_others():
            end = time.thread_time() + 0.001
            while time.thread_time() < end:
                pass
            time.sleep(0.004)

        busy(link, 1, wait_for_others)
        assert link.is_cut


def test_many_reads_of_one_link_are_not_one():
    link = Link()
    with watched() as (reads, told):
        reads.of = link

        def again():
            reads.count += 1

        busy(link, 0.5, again)
        assert not link.is_cut
        assert told == []


def test_a_read_that_stands_still_costs_nobody_anything():
    link = Link()
    with watched() as (reads, told):
        reads.count, reads.of = 1, link
        time.sleep(0.4)
        assert not link.is_cut
        assert told == []
