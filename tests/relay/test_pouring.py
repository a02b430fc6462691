"""Who is told of what ends a splice's turn: each leg of its own."""

import ssl
from types import SimpleNamespace

import pytest

from bedside.relay.link import RECORD_BYTES, Link
from bedside.relay.read_watch import Reads
from bedside.relay.roles import NOBODY


class Tls:
    """A connection that shakes hands at once, and then reads and writes as a test says."""

    def __init__(self, read, write=len):
        self._read, self.write = read, write

    def fileno(self):
        return -1

    def read(self, count, view):
        del count, view
        return self._read()

    def do_handshake(self):
        pass

    def getpeercert(self):
        return {}

    def setsockopt(self, *_):
        pass

    def close(self):
        pass


class Owner:
    """Remembers who waits for what."""

    def __init__(self):
        self.record, self.reads, self.events = memoryview(bytearray(RECORD_BYTES)), Reads(), {}
        self.sockets = self.arrivals = self
        self.timers = SimpleNamespace(cancel=lambda link: None)
        self.loop = SimpleNamespace(call_soon=lambda *_: None)

    def watch(self, number, link, events):
        del number
        self.events[link] = events

    def forget(self, number):
        pass

    def established(self, link, tls):
        pass

    def closed(self, link):
        pass


class Leg:
    """A link's handler, which pours into `partner` and hears of its own link's end."""

    def __init__(self, partner=None):
        self.partner, self.moved, self.has_ended = partner, 0, False

    def pours(self):
        return self.partner, 64

    def poured(self, count):
        self.moved += count

    def ended(self):
        self.has_ended = True


def fails_with(error):
    def call(*_):
        raise error

    return call


@pytest.fixture
def open_link():
    owner = Owner()

    def make(tls, leg):
        link = Link(tls, "", owner)
        link.start()
        link.handler = leg
        return link

    return make


def reads(*what):
    said = iter(what)

    def read():
        each = next(said)
        if isinstance(each, Exception):
            raise each
        return each

    return read


def test_who_is_broken_is_told_of_its_own_link(open_link):
    partner, reading = Leg(), Leg()
    broken = Tls(reads(), fails_with(ConnectionResetError()))
    reading.partner = open_link(broken, partner)
    link = open_link(Tls(reads(100, ssl.SSLWantReadError())), reading)
    link._read()
    assert (partner.has_ended, reading.has_ended) == (True, False)
    assert reading.moved == 100
    assert reading.partner.handler is NOBODY
