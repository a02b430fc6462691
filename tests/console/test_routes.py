"""Every route of pages and API, walked by people who have no business there."""

import json
import re
import time

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver

from bedside.console.access.models import Lock
from bedside.console.accounts.models import ApiToken, Organisation, User
from bedside.console.cases.models import Case
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from bedside.console.monitoring.models import Mute, SilenceRule
from bedside.console.service_sessions.models import ServiceSession
from tests.console.browser import Browser
from tests.console.description import DESCRIPTION
from tests.console.service_sessions.news import requested
from tests.console.things import things
from tests.console.world import DEVICE, Api, asking, empowered, person, read

pytestmark = pytest.mark.usefixtures("fleet")

# What anybody may reach: signing in, choosing a language, signing a program in, the description.
OPEN = {
    "account/login/",
    "account/logout/",
    "account/inactive/",
    "account/reauthenticate/",
    "account/signup/",
    "account/invitation/",
    "account/new-factors/",
    "account/single-sign-on/",
    "account/oidc/<slug:provider_id>/login/",
    "account/oidc/<slug:provider_id>/callback/",
    "account/second-factor/authenticate/",
    "account/second-factor/webauthn/login/",
    "language/",
    "api/v1/openapi.json",
    "api/v1/device-authorization",
    "api/v1/token",
}


def pages(patterns, prefix=""):
    for entry in patterns:
        route = prefix + str(entry.pattern).lstrip("^").rstrip("$\\Z")
        if isinstance(entry, URLPattern):
            yield route
        else:
            yield from pages(entry.url_patterns, route)


def operations():
    for path, methods in DESCRIPTION["paths"].items():
        for method in methods:
            yield method, path


def test_the_walks_go_over_every_route_of_the_api():
    described = {path.removeprefix("/") for _method, path in operations()}
    routed = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
        for route in pages(get_resolver().url_patterns)
        if route.startswith("api/v1/") and not route.startswith("api/v1/openapi")
    }
    assert described == routed - {"api/v1/"}


def body_for(operation: dict, path: str) -> object:
    """Return the body of the description's own example; a session is asked for with a real key."""
    if path.endswith("/sessions"):
        return asking()
    content = operation.get("requestBody", {}).get("content", {})
    return content.get("application/json", {}).get("example", {})


def ask(caller: Api, method: str, path: str, ids: dict[str, str], body: object = None):
    body = body or body_for(DESCRIPTION["paths"][path][method], path)
    path = path.removeprefix("/api/v1").format(**ids)
    return caller.get(path) if method == "get" else caller.post(path, body)


@pytest.mark.parametrize("route", sorted(set(pages(get_resolver().url_patterns)) - OPEN))
def test_a_stranger_reaches_no_page(route):
    path = "/" + re.sub(r"<[^>]+>", "1", route)
    answer = Client().get(path)
    if answer.status_code == 405 and not path.startswith("/api/"):
        answer = Client().post(path)
    if path.startswith("/api/"):
        assert answer.status_code in (401, 404, 405), path
    else:
        assert answer.status_code == 302, path
        assert "/account/login/" in answer["Location"], path


def concrete(route: str, session: str) -> str:
    known = {"device_id": DEVICE, "session_id": session, "person_id": person("Alex").pk}
    known |= {"organisation_id": "notre-dame", "product_id": "workstation"}
    for name, value in known.items():
        route = route.replace(f"<str:{name}>", value)
    return "/" + re.sub(r"<[^>]+>", "1", route)


def about_one() -> list[str]:
    """Return the pages that show or change one thing."""
    routes = set(pages(get_resolver().url_patterns))
    return sorted(route for route in routes if "_id>" in route and not route.startswith("api/"))


def open_page(client: Client, path: str):
    answer = client.get(path)
    return client.post(path, {"reason": "x"}) if answer.status_code == 405 else answer


def test_pages_of_another_site_are_as_unknown():
    session = requested()
    routes = about_one()
    assert len(routes) >= 4
    User.objects.filter(name="Julie Gagnon").update(organisation_id="st-mary")
    client = Client()
    client.force_login(person("Julie"))
    stamp(client)
    answers = {
        route: open_page(client, concrete(route, session.pk)).status_code for route in routes
    }
    # Relays are the manufacturer's: a site's people are refused before a pin is looked up.
    refused = {route for route, status in answers.items() if status == 403}
    assert refused == {"relays/pins/<int:pin_id>/remove/"}
    assert {status for route, status in answers.items() if route not in refused} == {404}


def test_pages_are_closed_to_somebody_without_a_role():
    session = requested()
    User.objects.filter(name="Sam Okafor").update(role="")
    client = Client()
    client.force_login(person("Sam"))
    stamp(client)
    for route in about_one():
        status = open_page(client, concrete(route, session.pk)).status_code
        assert status in (403, 404), route


def test_a_journal_entry_of_another_site_is_as_unknown():
    row = JournalRow.objects.filter(session=requested().pk).latest("id").pk
    for site, status in (("notre-dame", 200), ("st-mary", 404)):
        User.objects.filter(name="Julie Gagnon").update(organisation_id=site)
        client = Client()
        client.force_login(person("Julie"))
        stamp(client)
        assert client.get(f"/journal/{row}/").status_code == status


def stamp(client: Client) -> None:
    session = client.session
    session["signed_in_ms"] = session["seen_ms"] = now_ms()
    # As if the password had just been given: a risky act is refused for what it is.
    session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
    session["account_authentication_methods_user"] = session["_auth_user_id"]
    session.save()


def test_a_stranger_reaches_no_operation():
    ids = things()
    for method, path in operations():
        if path.removeprefix("/") not in OPEN:
            assert ask(Api(None), method, path, ids).status_code == 401, (method, path)


# One's own: no role is needed to see and end it.
OWN = {
    ("get", "/api/v1/browsers"),
    ("get", "/api/v1/me"),
    ("get", "/api/v1/tokens"),
    ("get", "/api/v1/trust"),
    ("post", "/api/v1/browsers/end"),
    ("post", "/api/v1/token/revoke"),
}


def test_somebody_without_a_role_may_do_nothing():
    ids = things()
    User.objects.filter(name="Sam Okafor").update(role="")
    for method, path in operations():
        if path.removeprefix("/") in OPEN or (method, path) in OWN:
            continue
        status = ask(Api("Sam"), method, path, ids).status_code
        assert status in (403, 404), (method, path, status)


def foreigners() -> list[Api]:
    """Return the lines of a manager of another site: signed in, and with a token for every act."""
    User.objects.filter(name="Julie Gagnon").update(organisation_id="st-mary")
    return [Api("Julie"), empowered("Julie")]


def test_whatever_belongs_to_another_site_is_as_unknown():
    ids = things()
    callers = foreigners()
    before = changed(ids)
    for method, path in operations():
        if "{" not in path:
            continue
        for caller in callers:
            answer = ask(caller, method, path, ids)
            assert answer.status_code in (404, scoped(answer)), (method, path, answer.content)
    assert Api("Julie").post("/sessions", asking()).status_code == 404
    assert changed(ids) == before


def scoped(answer) -> int:
    """Return 403 where a token with a scope is not one for this at all, whoever's the thing is."""
    return 403 if answer.status_code == 403 and answer.json()["code"] == "scope" else 404


def changed(ids: dict[str, str]) -> dict[str, object]:
    """Return what another site could have changed at Notre-Dame."""
    site = Organisation.objects.get(pk="notre-dame")
    return {
        "state": ServiceSession.objects.get(pk=ids["session_id"]).state,
        "windows": list(site.windows.values_list("pk", "closed_ms")),
        "contacts": site.site_contacts.count(),
        "hooks": site.hooks.count(),
        "glass": list(site.broken_glass.values_list("ended_ms", "reviewed_ms")),
        "locks": list(Lock.objects.values_list("target", "end_ms")),
        "rules": list(SilenceRule.objects.values_list("target", "minutes")),
        "mutes": list(Mute.objects.values_list("target", "until_ms")),
        "tokens": ApiToken.objects.filter(person__name="Alex Martin", revoked_ms=None).count(),
        "case": Case.objects.get(number=ids["number"]).taken_ms,
    }


def test_the_same_addresses_open_to_whoever_they_belong_to():
    """The walk above is worth something only if every id in it is a real one."""
    ids = things()
    callers = [Api("Julie"), empowered("Julie"), Api("Alex"), empowered("Alex"), Api("Marie")]
    for method, path in operations():
        if "{" not in path:
            continue
        statuses = []
        for caller in callers:
            with transaction.atomic():
                answer = ask(caller, method, path, ids)
                read(answer)
                statuses.append(answer.status_code)
                transaction.set_rollback(True)
        assert any(status != 404 for status in statuses), (method, path, statuses)


def test_whatever_is_posted_under_a_name_is_done_once():
    ids = things()
    for number, (method, path) in enumerate(operations()):
        if method != "post":
            continue
        body = body_for(DESCRIPTION["paths"][path][method], path)
        # Each starts from the same things: one of these calls ends the token that it came with.
        with transaction.atomic():
            first = ask(Api("Alex").named(f"the-call-{number}"), method, path, ids, body)
            before = JournalRow.objects.count()
            again = ask(Api("Alex").named(f"the-call-{number}"), method, path, ids, body)
            wrote = JournalRow.objects.count() - before
            transaction.set_rollback(True)
        assert again.headers.get("Idempotent-Replayed") == "true", (path, first.content)
        assert (again.status_code, again.content) == (first.status_code, first.content), path
        assert wrote == 0, path


def test_no_list_holds_anything_of_another_site():
    ids = things()
    callers = foreigners()
    words = {ids[name] for name in ids if len(ids[name]) > 20}
    words |= {DEVICE, '"notre-dame"', "Notre-Dame", "it@nd.example"}
    for method, path in operations():
        if method != "get" or "{" in path or path.removeprefix("/") in OPEN:
            continue
        for caller in callers:
            for query in ({}, filters(path)):
                text = caller.get(path.removeprefix("/api/v1"), **query).content.decode()
                found = {word for word in words if word in text}
                assert not found, (path, query, found)


def filters(path: str) -> dict[str, str]:
    """Return filters that name things of Notre-Dame, as far as this list has them."""
    asked = {"device": DEVICE, "site": "notre-dame", "target": "notre-dame", "scope": "site"}
    given = {each["name"] for each in DESCRIPTION["paths"][path]["get"]["parameters"]}
    return {name: value for name, value in asked.items() if name in given}


def test_somebody_else_cannot_read_what_only_a_role_may():
    for path in ("/journal/export", f"/devices/{DEVICE}/journal/export"):
        assert Api("Marie").get(path).status_code == 403
    assert Api("Julie").get("/journal/export").status_code == 403
    for name, path in (("Julie", f"/devices/{DEVICE}/journal/export"), ("Alex", "/journal/export")):
        answer = Api(name).get(path)
        assert answer.status_code == 200
        assert b"".join(answer.streaming_content).startswith(b"PK")


HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@pytest.mark.parametrize("path", ["/account/login/", "/activate", "/api/v1/me", "/nowhere"])
def test_every_answer_holds_the_browser_to_our_own_files(path):
    answer = Browser.of("Marie").get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    shown = {name: answer[name] for name in HEADERS}
    # allauth says more than no-store of its own pages.
    assert "no-store" in shown.pop("Cache-Control")
    assert shown == {name: HEADERS[name] for name in shown}
    assert re.fullmatch(r"[0-9a-f]{16}", answer["X-Request-Id"])


def test_pages_hold_no_inline_script_or_style():
    browser = Browser.of("Marie")
    for path in ("/activate", "/account/second-factor/", "/account/password/"):
        text = browser.get(path).content.decode()
        scripts = re.findall(r"<script(?![^>]*\bsrc=)([^>]*)>", text)
        assert all('type="application/json"' in attributes for attributes in scripts), path
        assert " style=" not in text
        assert " onclick=" not in text


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "[::1", ""])
def test_a_foreign_host_name_is_refused(host):
    answer = Client(headers={"Host": host}).get("/account/login/")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[]", 400),
        (b'{"device": NaN}', 400),
        (b'{"device": 1, "device": 2}', 400),
        (b'{"a":' * 40 + b"1" + b"}" * 40, 413),
        (b"\xff\xfe", 400),
        (json.dumps({"device": "x" * 70_000}).encode(), 413),
        (json.dumps({"device": "x" * 300_000}).encode(), 413),
    ],
)
def test_a_body_that_is_no_strict_json_costs_nothing(body, status):
    answer = Api("Marie").post("/sessions", body)
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
