import asyncio
import contextlib
import socket
from itertools import pairwise

import pytest

from bedside.relay.sockets import READ, WRITE, Sockets, bytes_taken
from tests.relay.socket_owner import Owner


@contextlib.contextmanager
def watching(**limits):
    made = Sockets(asyncio.get_running_loop(), **limits)
    yield made
    made.close()
    made.close()


@pytest.mark.asyncio
async def test_an_owner_is_told_what_it_asked_for():
    with watching() as sockets:
        owner = Owner(sockets)
        owner.watch(READ)
        owner.far.send(b"a")
        await owner.called.wait()
        assert owner.told == [READ]
        owner.called.clear()
        owner.watch(WRITE)
        await owner.called.wait()
        assert owner.told == [READ, WRITE]
        owner.close()


@pytest.mark.asyncio
async def test_a_hang_up_is_told_as_something_to_read():
    with watching() as sockets:
        owner = Owner(sockets)
        owner.watch(READ)
        owner.far.close()
        await owner.called.wait()
        assert owner.told[0] & READ
        owner.close()


@pytest.mark.asyncio
async def test_who_is_closed_by_another_in_the_same_turn_is_told_nothing():
    with watching() as sockets:
        called = asyncio.Event()
        first, second = Owner(sockets, called=called), Owner(sockets, called=called)
        first.then, second.then = second.close, first.close
        for owner in (first, second):
            owner.watch(READ)
            owner.far.send(b"a")
        await called.wait()
        await asyncio.sleep(0)
        assert sorted([first.told, second.told]) == [[], [READ]]
        first.close()
        second.close()


@pytest.mark.asyncio
async def test_what_is_forgotten_is_told_nothing():
    with watching() as sockets:
        quiet, loud = Owner(sockets), Owner(sockets)
        for owner in (quiet, loud):
            owner.watch(READ)
        sockets.forget(quiet.near.fileno())
        sockets.forget(quiet.near.fileno())
        quiet.far.send(b"a")
        loud.far.send(b"a")
        await loud.called.wait()
        assert quiet.told == []
        quiet.close()
        loud.close()


@pytest.mark.asyncio
async def test_only_so_many_are_told_before_the_loop_has_its_turn():
    with watching(at_once=1) as sockets:
        owners = [Owner(sockets), Owner(sockets)]
        turns = []
        for owner in owners:
            owner.then = lambda: turns.append(sum(len(each.told) for each in owners))
            owner.watch(READ)
            owner.far.send(b"a")
        await owners[0].called.wait()
        between = sum(len(each.told) for each in owners)
        await owners[1].called.wait()
        assert (between, turns) == (1, [1, 2])
        for owner in owners:
            owner.close()


@pytest.mark.asyncio
async def test_a_few_are_told_in_a_turn_twice_as_many_after_a_full_one_and_half_after_another():
    with watching() as sockets:
        owners = [Owner(sockets) for _ in range(30)]
        # The last turn had room for 32, and the one of a single owner for 16.
        for ready, expected in ((30, [4, 8, 16, 2]), (1, [1]), (30, [8, 16, 6])):
            for owner in owners[:ready]:
                owner.watch(READ)
                owner.far.send(b"a")
            told = [sum(len(each.told) for each in owners)]
            until = told[0] + ready
            while told[-1] < until:
                await asyncio.sleep(0)
                told.append(sum(len(each.told) for each in owners))
            turns = [after - before for before, after in pairwise(told) if after > before]
            assert turns == expected
        for owner in owners:
            owner.close()


@pytest.mark.asyncio
async def test_an_owner_may_be_forgotten_when_nothing_is_watched_any_more():
    with watching() as sockets:
        owner = Owner(sockets)
        owner.watch(READ)
        sockets.close()
        owner.close()


def test_where_the_kernel_counts_nothing_nothing_was_taken():
    near, far = socket.socketpair()
    with near, far:
        far.send(b"something")
        assert near.recv(4)
        assert bytes_taken(near) == 0
