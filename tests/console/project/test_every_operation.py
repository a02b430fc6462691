"""Every operation of the REST API, fed what its description allows and what it does not, as each role.

No answer is a failure of ours, and nothing of another organisation is in any of them.
"""

import itertools
import json

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, settings
from schemathesis.pytest.lazy import get_all_tests

from bedside.console.accounts.models import User
from bedside.vocabulary import Role
from tests.console.description import DESCRIPTION
from tests.console.world import FOREIGN, read, token

pytestmark = pytest.mark.usefixtures("fleet")

schema = schemathesis.openapi.from_dict(json.loads(json.dumps(DESCRIPTION)))
OPERATIONS = [
    (method.upper(), path)
    for path, methods in schema.raw_schema["paths"].items()
    for method in methods
]
# Nothing that a site's people read may hold one of these words of another site.
FOREIGN_WORDS = (FOREIGN.encode(), b"st-mary", b"St. Mary")
_SITE_ROLES = (Role.SITE_APPROVER, Role.SITE_MANAGER)


def as_role(role: Role) -> str:
    """Return a token of somebody who has this role now."""
    name, place = ("Julie", "notre-dame") if role in _SITE_ROLES else ("Sam", "bayard-imaging")
    someone = User.objects.filter(name__startswith=name)
    assert someone.update(role=role.value, organisation_id=place) == 1
    return token(name)


def send(case, client: Client, bearer: str):
    """Send a made-up call through Django's own stack; nothing of an earlier one goes with it."""
    client.cookies.clear()
    headers = {str(name): str(value) for name, value in (case.headers or {}).items()}
    body = case.body if isinstance(case.body, bytes) else None
    if body is None and case.method in ("POST", "PUT", "PATCH"):
        body = b"" if type(case.body).__name__ == "NotSet" else json.dumps(case.body).encode()
    headers = {name: value for name, value in headers.items() if value.isascii()}
    return client.generic(
        case.method,
        case.formatted_path,
        body or b"",
        content_type="application/json",
        query_params=dict(case.query or {}) or None,
        headers={**headers, "Authorization": f"Bearer {bearer}"},
    )


# Every operation is called many times: each role has its turn at each of them.
turns = itertools.cycle(Role)


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)
def feed(case, client):
    role = next(turns)
    answer = send(case, client, as_role(role))
    content = read(answer)
    where = (role, case.method, case.formatted_path, answer.status_code, content[:300])
    assert answer.status_code < 500, where
    if answer.status_code >= 400:
        kind = answer.headers["Content-Type"].partition(";")[0]
        assert kind in ("application/problem+json", "application/json"), where
    if role in _SITE_ROLES and case.method == "GET":
        asked = case.formatted_path.encode() + json.dumps(case.query or {}).encode()
        for word in FOREIGN_WORDS:
            assert word not in content or word in asked, where


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=map(" ".join, OPERATIONS))
def test_no_call_is_a_failure_of_ours(method, path):
    # Made up here, not when tests are collected: every process of pytest-xdist collects all of them,
    # and one runs these.
    (made,) = get_all_tests(
        schema=schema.include(method=method, path=path),
        test_func=feed,
        settings=None,
        given_kwargs=None,
    )
    _, fed = made.ok()
    # One client: each builds all of the middleware before its first call.
    fed(client=Client(raise_request_exception=False))
