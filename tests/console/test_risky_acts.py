"""What is risky asks who one is, by page and by API; and nothing that writes is in neither list."""

import time
from pathlib import Path

import pytest
from django.db import transaction
from django.urls import get_resolver, reverse

from bedside.console.accounts.queries import has_permission
from bedside.console.accounts.risky import RISKY, act_of_operation
from bedside.console.accounts.urls import urlpatterns as account_pages
from bedside.console.journal.models import JournalRow
from bedside.console.pages.urls import urlpatterns as pages
from tests.console.description import DESCRIPTION
from tests.console.pages.reader import Reader, confirm
from tests.console.test_routes import body_for, operations
from tests.console.things import things
from tests.console.world import Api, empowered, person, stale

pytestmark = pytest.mark.usefixtures("fleet")

# Operations that write and ask nothing: each changes nothing, only stops something, is asked for
# again at the device, or is about words and not about rights.
ORDINARY = {
    "startSignIn", "redeemSignIn", "revokeToken", "revokeOwnToken", "endBrowser", "endBrowsers",
    "reviewPerson", "previewRules", "simulate", "requestNeeds", "requestSession",
    "connectSession", "endSession", "lockDevice", "approveSession", "refuseSession",
    "closeWindow", "endBrokenGlass", "reviewBrokenGlass", "takeCase", "releaseCase",
    "closeCase", "sendAgain", "setAlarmRule", "removeAlarmRule", "setMute", "endMute",
}  # fmt: skip
ORDINARY_PAGES = {
    "access_review", "access_review_export", "account", "alarm_rule_remove", "alarms",
    "browser_end", "browsers", "case", "case_release", "case_take", "cases", "device",
    "device_journal", "device_lock", "fleet", "glass_end", "glass_review", "journal",
    "journal_entry", "journal_export", "journal_proofs", "language", "mute_end", "notice_again",
    "notices", "organisations", "people", "person", "person_review", "request", "session",
    "session_approve", "session_end", "session_watch", "sessions", "simulator", "site", "site_approver", "sites",
    "token_revoke", "tokens", "training", "window_close", "account_change_password",
    "account_inactive", "account_login", "account_logout", "account_reauthenticate",
    "account_signup", "invitation", "new_factors", "openid_connect_callback",
    "openid_connect_login", "single_sign_on",
}  # fmt: skip
WIDE = {"scope": "everything", "target": "", "reason": "Recall"}
BODIES = {"setLock": WIDE}


def named_operations() -> dict[str, tuple[str, str]]:
    """Return method and path of each operation, by its id."""
    paths = DESCRIPTION["paths"]
    return {paths[path][method]["operationId"]: (method, path) for method, path in operations()}


def who_may(act) -> str:
    """Return somebody who may do this."""
    if act.permission is None or has_permission(person("Alex"), act.permission):
        return "Alex"
    assert has_permission(person("Julie"), act.permission)
    return "Julie"


def call(api: Api, operation: str, ids: dict[str, str]):
    method, path = named_operations()[operation]
    body = BODIES.get(operation) or body_for(DESCRIPTION["paths"][path][method], path)
    return api.post(path.removeprefix("/api/v1").format(**ids), body)


def test_what_writes_is_risky_or_ordinary():
    writing = {name for name, (method, _path) in named_operations().items() if method != "get"}
    risky = {name for act in RISKY for name in act.operations}
    assert risky | ORDINARY == writing
    assert not risky & ORDINARY


def test_each_page_is_risky_or_ordinary():
    known = {pattern.name for pattern in (*pages, *account_pages) if hasattr(pattern, "name")}
    risky = {name for act in RISKY for name in act.pages | act.posts}
    assert risky | ORDINARY_PAGES == known
    assert not risky & ORDINARY_PAGES


def test_the_documentation_has_this_list():
    told = (Path(__file__).parents[2] / "docs/reference/risky-acts.md").read_text()
    for act in RISKY:
        names = (sorted(act.pages | act.posts), sorted(act.operations))
        cells = [" ".join(f"`{name}`" for name in each) or "–" for each in names]
        right = f"`{act.permission.value}`" if act.permission else "–"
        assert f"| {act.name} | {right} | {cells[0]} | {cells[1]} |" in told
    assert told.count("\n| ") == len(RISKY) + 3 + 2


def test_the_description_marks_what_is_risky():
    for method, path in operations():
        operation = DESCRIPTION["paths"][path][method]
        risky = act_of_operation(operation["operationId"]) is not None
        assert operation.get("x-confirmation", False) is risky, path


def test_each_risky_operation_asks_a_log_in_that_is_not_fresh():
    ids = things()
    for act in RISKY:
        name = who_may(act)
        for operation in sorted(act.operations):
            before = JournalRow.objects.count()
            with transaction.atomic():
                answer = call(stale(name), operation, ids)
                wrote = JournalRow.objects.count() - before
                transaction.set_rollback(True)
            assert answer.status_code == 403, (operation, answer.content)
            assert answer["Content-Type"] == "application/problem+json"
            assert answer.json()["code"] == "confirmation_needed", operation
            assert "bedside login" in answer.json()["title"]
            assert wrote == 0, operation


def test_each_risky_operation_lets_a_fresh_log_in_and_a_token_for_it_past():
    ids = things()
    for act in RISKY:
        name = who_may(act)
        for operation in sorted(act.operations):
            for caller in (Api, empowered):
                with transaction.atomic():
                    answer = call(caller(name), operation, ids)
                    transaction.set_rollback(True)
                assert answer.status_code not in (401, 403, 500), (operation, answer.content)


def test_an_ordinary_operation_asks_nothing():
    for operation in ORDINARY:
        assert act_of_operation(operation) is None
    ids = things()
    one = {"scope": "device", "target": ids["device_id"], "reason": "x"}
    assert stale("Alex").post("/locks", one).status_code == 201
    assert (
        stale("Alex").post(f"/devices/{ids['device_id']}/lock", {"reason": "x"}).status_code == 204
    )


def test_whoever_may_not_is_refused_and_not_asked():
    ids = things()
    for act in RISKY:
        for operation in sorted(act.operations):
            answer = call(stale("Marie"), operation, ids)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), operation


def address(name: str, ids: dict[str, str]) -> str:
    """Return the address of a page, about the things of Notre-Dame."""
    (known,) = (found for found in get_resolver().reverse_dict.getlist(name) if found)
    wanted = known[0][0][1]
    return reverse(name, args=[ids[each] for each in wanted])


def test_each_risky_page_asks_a_browser_that_was_left_open():
    ids = things()
    for act in RISKY:
        name = who_may(act)
        reader = Reader(name)
        for page in sorted(act.pages | act.posts):
            path = address(page, ids)
            confirm(reader.client, name, at=time.time() - 3600, proof="webauthn")
            before = JournalRow.objects.count()
            asked = reader.post(path, **WIDE)
            assert "reauthenticate" in asked["Location"], page
            assert JournalRow.objects.count() == before, page
            looked = reader.get(path)
            asks = "reauthenticate" in looked.headers.get("Location", "")
            assert asks == (page in act.pages), page
            confirm(reader.client, name, proof="webauthn")
            with transaction.atomic():
                answer = reader.post(path, **WIDE)
                transaction.set_rollback(True)
            assert "reauthenticate" not in answer.headers.get("Location", ""), page
            assert answer.status_code != 403, page


def test_one_person_and_one_device_are_locked_at_once():
    ids = things()
    reader = Reader("Alex")
    confirm(reader.client, "Alex", at=0)
    path = f"/devices/{ids['device_id']}/lock/"
    assert reader.post(path, reason="Recall")["Location"] == f"/devices/{ids['device_id']}/"
    one = {"scope": "person", "target": "sam@bayard.example", "reason": "x", "apply": "1"}
    assert reader.post("/locks/", **one)["Location"] == "/locks/"
