"""A person's tokens for programs: scope and current rights, whichever is less."""

import pytest
from django.core.exceptions import ValidationError

from bedside.console.accounts.models import ApiToken, User
from bedside.console.accounts.program_tokens import do_make_token, tokens_of
from bedside.console.accounts.tokens import digest
from bedside.console.journal.actions import now_ms
from bedside.console.service_sessions.models import ServiceSession
from bedside.vocabulary import Permission, Role
from tests.console.pages.reader import Reader, words
from tests.console.world import DEVICE, Api, actions_of, asking, person

pytestmark = pytest.mark.usefixtures("fleet")
READ = Permission.DEVICES_DEVICE_READ
JOURNAL = Permission.JOURNAL_ENTRY_READ
ASK = Permission.SESSIONS_SESSION_REQUEST


def program(name: str, *scope: Permission, days: int = 10) -> Api:
    _, secret = do_make_token(person(name), "nightly report", scope=scope, days=days)
    api = Api(None)
    api._headers["Authorization"] = f"Bearer {secret}"
    return api


def test_a_token_does_what_it_is_scoped_to_and_nothing_else():
    api = program("Marie", READ)
    assert api.get("/devices").status_code == 200
    narrow = api.get("/journal")
    assert narrow.status_code == 403
    assert (
        narrow.json()["title"] == "Your role includes this, and the scope of this token does not."
    )
    assert (
        "Your role does not include this" in program("Marie", READ).get("/people").json()["title"]
    )
    assert api.get("/sessions").status_code == 403
    assert api.post("/sessions", asking()).status_code == 403
    assert api.get("/me").json()["permissions"] == [READ]
    assert program("Marie", READ, ASK).post("/sessions", asking()).status_code == 403
    assert not ServiceSession.objects.exists()
    asker = program("Marie", READ, ASK, Permission.SESSIONS_SESSION_READ)
    assert asker.post("/sessions", asking()).status_code == 201


def lose_the_role():
    User.objects.filter(name="Marie Tremblay").update(role="")


def change_the_role():
    User.objects.filter(name="Marie Tremblay").update(
        role=Role.SITE_APPROVER, organisation_id="st-mary"
    )


@pytest.mark.parametrize(("lose", "status"), [(lose_the_role, 403), (change_the_role, 404)])
def test_what_its_maker_may_no_more_the_token_may_no_more(lose, status):
    api = program("Marie", READ)
    assert api.get(f"/devices/{DEVICE}").status_code == 200
    lose()
    answer = api.get(f"/devices/{DEVICE}")
    assert answer.status_code in (status, 404)


def test_a_right_that_the_maker_has_not_cannot_be_given():
    with pytest.raises(ValidationError):
        program("Marie", Permission.ACCOUNTS_PERSON_MANAGE)
    with pytest.raises(ValidationError):
        program("Marie")


@pytest.mark.parametrize("days", [0, -1, 91, 10**9])
def test_a_token_ends_within_the_limit(days):
    with pytest.raises(ValidationError):
        program("Marie", READ, days=days)


def test_a_token_ends_by_its_time_and_by_revocation():
    api = program("Marie", READ)
    token = ApiToken.objects.get(client="nightly report")
    ApiToken.objects.filter(pk=token.pk).update(expires_ms=now_ms())
    assert api.get("/devices").status_code == 401
    ApiToken.objects.filter(pk=token.pk).update(expires_ms=now_ms() + 60_000)
    assert api.get("/devices").status_code == 200
    assert Reader("Sam").post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
    assert Reader("Marie").post(f"/account/tokens/{token.pk}/revoke/").status_code == 302
    assert api.get("/devices").status_code == 401


def test_its_last_use_is_kept():
    api = program("Marie", READ)
    assert tokens_of(person("Marie")).get().used_ms == 0
    api.get("/devices")
    assert tokens_of(person("Marie")).get().used_ms > now_ms() - 60_000
    assert person("Marie").used_ms > now_ms() - 60_000


def test_the_page_shows_the_secret_once_and_the_database_its_hash():
    reader = Reader("Marie")
    fields = {"name": "nightly report", "days": "30", "scope": [READ, JOURNAL]}
    made = reader.post("/account/tokens/new/", **fields)
    secret = words(made).split("bdt_")[1].split()[0]
    token = ApiToken.objects.get(client="nightly report")
    assert token.digest == digest(f"bdt_{secret}")
    assert sorted(token.scope) == [READ, JOURNAL]
    assert secret not in reader.text("/account/tokens/")
    assert "account:token:issued" in actions_of()


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\u202eb"},
        {"days": "0"},
        {"days": "91"},
        {"days": "NaN"},
        {"days": "9" * 400},
        {"scope": []},
        {"scope": ["accounts:person:manage"]},
        {"scope": ["nonsense", "🔑"]},
    ],
)
def test_a_form_that_cannot_be_used_makes_nothing(changed):
    fields = {"name": "report", "days": "30", "scope": [READ], **changed}
    answer = Reader("Marie").post("/account/tokens/new/", **fields)
    assert answer.status_code == 400
    assert not ApiToken.objects.filter(scope__isnull=False).exists()
