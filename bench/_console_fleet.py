"""A console's database at the size of a fleet that nobody has yet: filled in bulk, asked as usual."""

import secrets
from collections.abc import Iterator
from itertools import islice

from django.db import models, transaction

from bedside.audit.chain import GENESIS, extend
from bedside.audit.entry import Act, Actor, ActorKind, Thing, time_text
from bedside.console.accounts.models import Organisation, User
from bedside.console.devices.models import Device, Product
from bedside.console.journal.models import JournalRow
from bedside.console.relays.models import DevicePresence
from bedside.vocabulary import ClockState, DeviceId, JournalAction, Outcome

__all__ = ["fill"]

_BATCH = 5_000
_SITES = 1_000
_NOW = 1_795_435_200_000


def fill(*, devices: int, people: int, journal: int) -> None:
    """Add this many devices, people and journal rows to a console's world, over 1,000 sites."""
    with transaction.atomic():
        _bulk(
            Organisation,
            (
                Organisation(key=f"site-{n}", name=f"Hospital {n:04d}", kind="site", country="CA",
                             timezone="America/Toronto")
                for n in range(_SITES)
            ),
        )  # fmt: skip
        product = Product.objects.get(pk="contrast-injector")
        _bulk(
            Device,
            (
                Device(id=f"CI-{n:07d}", product=product, site_id=f"site-{n % _SITES}",
                       display_name=f"Injector {n}", room=str(n % 40), state="enrolled")
                for n in range(devices)
            ),
        )  # fmt: skip
        _bulk(DevicePresence, (_seen(n) for n in range(devices)))
        maker = Organisation.objects.filter(kind="manufacturer").get()
        _bulk(
            User,
            (
                User(email=f"person{n}@bayard.example", name=f"Person {n:05d}", organisation=maker,
                     role="specialist", level=n % 3 + 1, country="US")
                for n in range(people)
            ),
        )  # fmt: skip
        _bulk(JournalRow, _rows(journal, devices))


def _bulk(model: type[models.Model], rows: Iterator[models.Model]) -> None:
    while batch := list(islice(rows, _BATCH)):
        model._default_manager.bulk_create(batch)


def _seen(number: int) -> DevicePresence:
    return DevicePresence(
        device=f"CI-{number:07d}", relay="ab"[number % 2], online=number % 10 != 0,
        instance=secrets.token_hex(16), at_ms=_NOW, mode="held", activity="idle", version="0.1.0",
        configuration=1, journal_size=10, journal_head="0" * 64, address="192.0.2.1",
    )  # fmt: skip


def _rows(count: int, devices: int) -> Iterator[JournalRow]:
    """Rows that a page can read: one real entry's line for each, with place 0 as rows have it."""
    actions = [JournalAction.DEVICE_PRESENCE_CHANGED, JournalAction.SESSION_REQUEST_ALLOWED,
               JournalAction.SESSION_LIFE_ENDED, JournalAction.ACCOUNT_LOGIN_SUCCEEDED]  # fmt: skip
    actor = Actor(ActorKind.SYSTEM, "worker", "worker")
    for number in range(count):
        device, action = f"CI-{number % devices:07d}", actions[number % len(actions)]
        at_ms = _NOW - (count - number) * 1000
        act = Act(
            time=time_text(at_ms), clock=ClockState.SYNCHRONISED, actor=actor, action=action,
            object=Thing("device", DeviceId(device)), outcome=Outcome.SUCCESS, detail={},
        )  # fmt: skip
        line, _head = extend(GENESIS, act)
        yield JournalRow(
            at_ms=at_ms, actor_kind=actor.kind, actor_id=actor.id, action=action,
            outcome=Outcome.SUCCESS, device=device, entry=line, sequence=None,
        )  # fmt: skip
