"""A call that has a name is done once; a caller that calls too often is told when to come back."""

import json
from dataclasses import replace

import pytest
from django.conf import settings
from django.test import Client

from bedside.console.accounts import repeats
from bedside.console.accounts.models import RepeatableCall
from bedside.console.journal.actions import now_ms
from bedside.console.service_sessions.models import ServiceSession
from tests.console.world import asking, token

pytestmark = pytest.mark.usefixtures("fleet")

NAME = "3f9c-77aa-1"


class Caller:
    def __init__(self, name="Marie", key=NAME, language="en"):
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {token(name)}", "Accept-Language": language}
        if key is not None:
            self.headers["Idempotency-Key"] = key

    def post(self, path, body):
        return self.client.post(
            f"/api/v1{path}",
            json.dumps(body),
            content_type="application/json",
            headers=self.headers,
        )


def test_the_same_call_twice_asks_once_and_answers_the_same():
    body = asking()
    first = Caller().post("/sessions", body)
    again = Caller().post("/sessions", body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Idempotent-Replayed"] == "true"
    assert ServiceSession.objects.count() == 1


def test_without_a_name_it_is_asked_twice():
    body = asking()
    for _ in range(2):
        Caller(key=None).post("/sessions", body)
    assert ServiceSession.objects.count() == 2


def test_a_refusal_is_the_same_refusal():
    body = asking(case="")
    first = Caller().post("/sessions", body)
    again = Caller().post("/sessions", body)
    assert first.status_code == again.status_code == 403
    assert first.json()["session"] == again.json()["session"]


def test_another_body_under_the_same_name_is_refused():
    Caller().post("/sessions", asking())
    answer = Caller(language="fr").post("/sessions", asking(case="C-2"))
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert "a servi à une autre demande" in answer.json()["title"]
    assert ServiceSession.objects.count() == 1


def test_a_name_is_one_person_s():
    Caller().post("/sessions", asking())
    answer = Caller("Sam").post("/sessions", asking())
    assert "Idempotent-Replayed" not in answer
    assert answer.status_code == 403


def test_while_it_is_under_way_the_second_waits(monkeypatch):
    body = json.dumps(asking()).encode()
    key = None
    original = repeats.claim

    def remember(given, *args, **kwargs):
        nonlocal key
        key = given
        return original(given, *args, **kwargs)

    monkeypatch.setattr(repeats, "claim", remember)
    Caller().post("/sessions", json.loads(body))
    RepeatableCall.objects.update(status=0, answer="", at_ms=now_ms())
    answer = Caller().post("/sessions", json.loads(body))
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_busy")
    assert key
    RepeatableCall.objects.update(at_ms=now_ms() - 61_000)
    assert Caller().post("/sessions", json.loads(body)).status_code == 201


@pytest.mark.parametrize("name", ["short", "x" * 129, "with space", "é" * 10])
def test_what_is_no_name_is_refused(name):
    answer = Caller(key=name).post("/sessions", asking())
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key")
    assert not ServiceSession.objects.exists()


def test_a_stranger_leaves_nothing_behind():
    client = Client()
    headers = {"Authorization": "Bearer nobody", "Idempotency-Key": NAME}
    answer = client.post("/api/v1/sessions", "{}", content_type="application/json", headers=headers)
    assert answer.status_code == 401
    assert not RepeatableCall.objects.exists()


def test_what_is_kept_is_kept_encrypted_and_for_a_day():
    answer = Caller().post("/sessions", asking())
    row = RepeatableCall.objects.get()
    assert answer.json()["id"] not in row.answer
    assert repeats.do_forget_calls(now=now_ms()) == 0
    assert repeats.do_forget_calls(now=now_ms() + 25 * 3_600_000) == 1


def test_a_body_that_is_too_large_is_refused_with_a_name_too():
    answer = Caller().post("/sessions", {"x": "y" * 400_000})
    assert answer.status_code == 413


def test_who_calls_too_often_is_told_when_to_come_back(monkeypatch):
    config = settings.CONFIG
    limited = replace(config, api=replace(config.api, calls_per_second=1, burst=3))
    monkeypatch.setattr(settings, "CONFIG", limited)
    client = Client()
    headers = {"Authorization": f"Bearer {token('Marie')}", "Accept-Language": "fr"}
    statuses = [client.get("/api/v1/me", headers=headers).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    answer = client.get("/api/v1/me", headers=headers)
    assert answer["Retry-After"] == "1"
    assert answer.json()["code"] == "too_many"
    assert "trop souvent" in answer.json()["title"]
    other = {"Authorization": f"Bearer {token('Sam')}"}
    assert client.get("/api/v1/me", headers=other).status_code == 200
