"""What each page and each list of the API asks the database: pinned, and the same for any length."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver

from tests.console.description import DESCRIPTION
from tests.console.test_routes import pages
from tests.console.tour import OPERATIONS, PAGES, Walker, prepare

FEW, MANY = 3, 30
# Signing in and what only asks for a proof of who one is: another's views, about one row each.
SIGNING_IN = (
    "account/inactive/", "account/invitation/", "account/login/", "account/logout/",
    "account/new-factors/",
    "account/oidc/", "account/reauthenticate/", "account/signup/", "account/single-sign-on/",
    "account/second-factor/authenticate/", "account/second-factor/reauthenticate/",
    "account/second-factor/recovery-codes/", "account/second-factor/totp/",
    "account/second-factor/webauthn/add/", "account/second-factor/webauthn/keys/",
    "account/second-factor/webauthn/login/", "account/second-factor/webauthn/reauthenticate/",
)  # fmt: skip
# A file of everything has no length that is the same.
FILES = {"people/review/export/", "/journal/export", "/devices/{device_id}/journal/export"}


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("count", [FEW, MANY])
def test_every_page_asks_the_same_however_much_there_is(count):
    things = prepare(
        sites=count, devices=10 * count, people=count, journal=count, sessions=count, each=count
    )
    asked, pinned = {}, {}
    for stop in [*PAGES, *OPERATIONS]:
        walker = Walker(stop, things)
        # The first time, what is kept for a while is read too.
        walker.open()
        with CaptureQueriesContext(connection) as queries:
            walker.open()
        asked[stop.title], pinned[stop.title] = len(queries), stop.queries
    assert asked == pinned, {k: (v, pinned[k]) for k, v in asked.items() if v != pinned[k]}


def test_no_two_stops_have_one_name():
    titles = [stop.title for stop in [*PAGES, *OPERATIONS]]
    assert sorted(set(titles)) == sorted(titles)


@pytest.mark.usefixtures("fleet")
def test_every_page_that_can_be_read_is_on_the_tour():
    known = {stop.route for stop in PAGES}
    acts = []
    for route in set(pages(get_resolver().url_patterns)) - known - FILES:
        if route.startswith(("api/", *SIGNING_IN)):
            continue
        acts.append(route)
        # Only what changes something is left: it cannot be read.
        assert Client().get("/" + re.sub(r"<[^>]+>", "1", route)).status_code == 405, route
    assert len(acts) > 10


def test_every_reading_operation_is_on_the_tour():
    paths = DESCRIPTION["paths"]
    reading = {path.removeprefix("/api/v1") for path, does in paths.items() if "get" in does}
    assert reading - FILES == {stop.route for stop in OPERATIONS}
