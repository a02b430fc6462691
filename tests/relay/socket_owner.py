"""The owner of one socket that a relay watches, with the far end in the test's hand."""

import asyncio
import socket

from bedside.relay.sockets import READ

__all__ = ["Owner"]


class Owner:
    """Reads what comes, and does what the test wants of it."""

    def __init__(self, sockets, *, called=None):
        self.near, self.far = socket.socketpair()
        self.sockets = sockets
        self.then = lambda: None
        self.told = []
        self.called = called or asyncio.Event()
        self.near.setblocking(False)

    def watch(self, events):
        self.sockets.watch(self.near.fileno(), self, events)

    def ready(self, events):
        self.told.append(events)
        self.called.set()
        if events & READ:
            self.near.recv(100)
        else:
            self.sockets.forget(self.near.fileno())
        self.then()

    def close(self):
        if self.near.fileno() >= 0:
            self.sockets.forget(self.near.fileno())
        self.near.close()
        self.far.close()
