"""A TOML file that states organisations, people, devices and rights; applying it twice changes nothing more.

`docs/reference/console-commands.md` explains each table. Nothing is deleted: what a file no longer
names stays as it is.
"""

import tomllib
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import available_timezones

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core.exceptions import ValidationError
from django.db import transaction

from bedside.audit.entry import Actor
from bedside.console.access.actions import (
    do_save_entitlement,
    do_save_product_right,
    do_save_start_rules,
)
from bedside.console.access.models import StartRule as StoredRule
from bedside.console.accounts.actions import (
    ContactDetails,
    PersonDetails,
    do_change_person,
    do_create_person,
    do_note_second_factor,
)
from bedside.console.accounts.models import Organisation, User
from bedside.console.devices.actions import DeviceDetails, do_pin_to_relays, do_save_device
from bedside.console.devices.models import Device, Product, RelayPin
from bedside.console.people.actions import do_save_organisation
from bedside.policy.facts import DEFAULT_START_RULES, Interval, StartRule
from bedside.protocol.errors import ProtocolError
from bedside.protocol.fields import Fields
from bedside.vocabulary import Level, Mode, PollMode, Role

__all__ = ["WorldError", "apply_world"]

_SECTIONS = ("organisations", "people", "devices", "relay_pins", "entitlements", "start_rules")
_MOST = 10_000
_MOST_CONTACTS = 60


class WorldError(ValueError):
    """The file is refused; nothing of it was applied."""


def apply_world(data: bytes, *, acting_user: Actor) -> dict[str, int]:
    """Apply a world file; return how many rows of each table it states.

    Raises:
        WorldError: the file is not TOML, a value is refused, or a name is unknown.
    """
    try:
        obj = tomllib.loads(data.decode("utf-8"))
        fields = Fields(obj)
        tables = {name: _tables(fields, name) for name in _SECTIONS}
        fields.end()
        with transaction.atomic():
            for name, rows in tables.items():
                _APPLY[name](rows, acting_user)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ProtocolError) as error:
        raise WorldError(str(error)) from error
    except ValidationError as error:
        raise WorldError(_said(error)) from error
    except LookupError as error:
        raise WorldError(f"unknown: {error}") from error
    return {name: len(rows) for name, rows in tables.items()}


def _tables(fields: Fields, name: str) -> tuple[Fields, ...]:
    return fields.objects(name, max=_MOST) if fields.has(name) else ()


def _organisations(rows: tuple[Fields, ...], actor: Actor) -> None:
    for row in rows:
        key = row.text("key", max=64)
        # What a world file does not speak of (its people's way to sign in) stays as it is.
        organisation = Organisation.objects.filter(pk=key).first() or Organisation(key=key)
        organisation.name = row.text("name", max=120)
        organisation.kind = row.text("kind", max=12)
        organisation.country = row.text("country", max=2)
        organisation.language = row.text("language", max=2)
        organisation.timezone = row.optional("timezone", row.text, max=64) or "UTC"
        contacts = _contacts(row) if row.has("contacts") else None
        row.end()
        if organisation.timezone not in available_timezones():
            raise LookupError(organisation.timezone)
        do_save_organisation(organisation, contacts, acting_user=actor)


def _contacts(row: Fields) -> list[ContactDetails]:
    found = []
    for each in row.objects("contacts", max=_MOST_CONTACTS):
        contact = ContactDetails(
            country=each.text("country", max=2),
            name=each.text("name", max=120),
            telephone=each.text("telephone", max=40),
            email=each.optional("email", each.text, max=254) or "",
            hours=each.optional("hours", each.text, max=120) or "",
        )
        each.end()
        found.append(contact)
    return found


def _people(rows: tuple[Fields, ...], actor: Actor) -> None:
    for row in rows:
        email = row.text("email", max=254).lower()
        vetted = row.optional("vetted_on", row.text, max=10)
        level = row.optional("level", row.integer, low=1, high=3)
        details = PersonDetails(
            name=row.text("name", max=120),
            organisation=_known(Organisation, row.text("organisation", max=64)).pk,
            role=row.optional("role", row.enum, members=Role),
            level=Level(level) if level else None,
            country=row.optional("country", row.text, max=2) or "",
            employer=row.optional("employer", row.text, max=120) or "",
            patient_data=bool(row.optional("patient_data", row.boolean)),
            vetted_on=_day(vetted) if vetted else None,
            language=row.optional("language", row.text, max=2) or "en",
        )
        password = row.optional("password", row.text, max=256)
        totp = row.optional("totp", row.text, max=64)
        training = row.objects("training", max=100) if row.has("training") else ()
        row.end()
        user = _save_person(email, details, password, actor)
        _train(user, training, actor)
        if totp:
            _give_totp(user, totp)


def _save_person(email: str, details: PersonDetails, password: str | None, actor: Actor) -> User:
    user = User.objects.filter(email=email).first()
    if user is None:
        return do_create_person(email, details, password=password, acting_user=actor)
    do_change_person(user, details, acting_user=actor)
    return user


def _train(user: User, rows: tuple[Fields, ...], actor: Actor) -> None:
    for row in rows:
        product = _known(Product, row.text("product", max=64))
        interval = _interval(row)
        row.end()
        do_save_product_right(user, product, interval, acting_user=actor)


def _give_totp(user: User, secret: str) -> None:
    if Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        return
    TOTP.activate(user, secret)
    do_note_second_factor(user, method="totp", change="added")


def _devices(rows: tuple[Fields, ...], actor: Actor) -> None:
    for row in rows:
        device_id = row.text("id", max=30)
        mode = row.optional("poll_mode", row.enum, members=PollMode)
        details = DeviceDetails(
            product=_known(Product, row.text("product", max=64)).pk,
            site=_known(Organisation, row.text("site", max=64)).pk,
            display_name=row.text("display_name", max=80),
            room=row.optional("room", row.text, max=80) or "",
            poll_mode=mode or PollMode.HELD,
        )
        row.end()
        do_save_device(device_id, details, acting_user=actor)


def _relay_pins(rows: tuple[Fields, ...], actor: Actor) -> None:
    for row in rows:
        named = {
            scope: row.text(scope.value, max=64) for scope in RelayPin.Scope if row.has(scope.value)
        }
        relays = row.texts("relays", max=16, each=32)
        row.end()
        if len(named) != 1:
            raise WorldError("a relay pin names a device, a site or a country")
        for scope, subject in named.items():
            do_pin_to_relays(scope, subject, relays, acting_user=actor)


def _entitlements(rows: tuple[Fields, ...], actor: Actor) -> None:
    for row in rows:
        device = row.optional("device", row.text, max=30)
        site = row.optional("site", row.text, max=64)
        interval = _interval(row)
        row.end()
        if bool(device) == bool(site):
            raise WorldError("an entitlement names a device or a site")
        covered = _known(Device, device) if device else _known(Organisation, site or "")
        do_save_entitlement(covered, interval, acting_user=actor)


def _start_rules(rows: tuple[Fields, ...], actor: Actor) -> None:
    """Replace the rules by those of the file; without any, a console that has none gets the defaults."""
    if rows:
        do_save_start_rules([_rule(row) for row in rows], acting_user=actor)
    elif not StoredRule.objects.exists():
        do_save_start_rules(DEFAULT_START_RULES, acting_user=actor)


def _rule(row: Fields) -> StartRule:
    rule = StartRule(
        level=row.enum("level", Level),
        country=row.text("country", max=2),
        start=frozenset(map(Mode, row.texts("start", max=2))),
        join=frozenset(map(Mode, row.texts("join", max=2))) if row.has("join") else frozenset(),
        product=row.optional("product", row.text, max=64),
    )
    row.end()
    return rule


_APPLY = {
    "organisations": _organisations,
    "people": _people,
    "devices": _devices,
    "relay_pins": _relay_pins,
    "entitlements": _entitlements,
    "start_rules": _start_rules,
}


def _interval(row: Fields) -> Interval:
    since = row.optional("from", row.text, max=10)
    until = row.optional("until", row.text, max=10)
    return Interval(_midnight(since) if since else 0, _midnight(until) if until else None)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise WorldError(f"not a day: {text}") from error


def _midnight(text: str) -> int:
    day = _day(text)
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def _known(model: Any, key: str) -> Any:
    found = model.objects.filter(pk=key).first()
    if found is None:
        raise LookupError(f"{model.__name__.lower()} {key}")
    return found


def _said(error: ValidationError) -> str:
    if hasattr(error, "message_dict"):
        return "; ".join(f"{name}: {' '.join(said)}" for name, said in error.message_dict.items())
    return " ".join(error.messages)
