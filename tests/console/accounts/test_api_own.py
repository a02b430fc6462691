"""One's own tokens and browsers through the REST API: seen and ended, never made."""

import pytest

from bedside.console.accounts.browsers import browsers_of
from bedside.console.accounts.models import ApiToken
from tests.console.browser import Browser
from tests.console.world import Api, actions_of, empowered, person

pytestmark = pytest.mark.usefixtures("world")


def test_one_sees_ones_tokens_and_ends_one():
    empowered("Marie")
    Api("Sam")
    items = Api("Marie").get("/tokens").json()["items"]
    assert sorted(each["this"] for each in items) == [False, True]
    named = next(each for each in items if each["scope"] is not None)
    assert named["works"] == named["scope"]
    assert "bdt_" not in str(items)
    assert Api("Marie").post(f"/tokens/{named['id']}/revoke").status_code == 204
    assert len(Api("Marie").get("/tokens").json()["items"]) == 1
    assert "account:token:revoked" in actions_of()


def test_a_token_of_somebody_else_is_as_unknown():
    empowered("Marie")
    for token in ApiToken.objects.filter(person=person("Marie")):
        assert Api("Alex").post(f"/tokens/{token.pk}/revoke").status_code == 404
    assert not ApiToken.objects.filter(revoked_ms__isnull=False).exists()


def test_a_token_with_a_scope_does_not_reach_the_account():
    api = empowered("Marie")
    for path in ("/tokens", "/browsers"):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope")
    assert api.post("/browsers/end").status_code == 403


def test_no_token_is_made_with_a_token():
    assert Api("Alex").post("/tokens", {}).status_code == 405


def test_one_sees_ones_browsers_and_signs_them_out():
    for _ in range(3):
        Browser.of("Marie")
    other = Browser.of("Sam")
    rows = Api("Marie").get("/browsers", limit=2).json()
    assert len(rows["items"]) == 2
    assert rows["next"]
    first = rows["items"][0]["id"]
    assert Api("Sam").post(f"/browsers/{first}/end").status_code == 404
    assert Api("Marie").post(f"/browsers/{first}/end").json() == {"ended": 1}
    assert Api("Marie").post("/browsers/end").json() == {"ended": 2}
    assert not browsers_of(person("Marie")).exists()
    assert browsers_of(person("Sam")).count() == 1
    assert other.get("/").status_code == 200
