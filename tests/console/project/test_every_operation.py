"""Every operation of the REST API, fed what its description allows and what it does not, as each role.

No answer is a failure of ours, and nothing of another organisation is in any of them.
"""

import itertools
import json

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, settings

from bedside.console.accounts.models import Organisation, User
from bedside.console.project.api import api
from bedside.vocabulary import Role
from tests.console.world import FOREIGN, person, read, token

pytestmark = pytest.mark.usefixtures("fleet")

schema = schemathesis.openapi.from_dict(
    json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/")))
)
# Nothing that a site's people read may hold one of these words of another site.
FOREIGN_WORDS = (FOREIGN.encode(), b"st-mary", b"St. Mary")
_SITE_ROLES = (Role.SITE_APPROVER, Role.SITE_MANAGER)


def as_role(role: Role) -> str:
    user = person("Julie") if role in _SITE_ROLES else person("Sam")
    site = Organisation.objects.get(pk="notre-dame" if role in _SITE_ROLES else "bayard-imaging")
    User.objects.filter(pk=user.pk).update(role=role.value, organisation=site)
    return token(user.name.split()[0])


def send(case, bearer: str):
    """Send a made-up call through Django's own stack."""
    headers = {str(name): str(value) for name, value in (case.headers or {}).items()}
    body = case.body if isinstance(case.body, bytes) else None
    if body is None and case.method in ("POST", "PUT", "PATCH"):
        body = b"" if type(case.body).__name__ == "NotSet" else json.dumps(case.body).encode()
    headers = {name: value for name, value in headers.items() if value.isascii()}
    return Client(raise_request_exception=False).generic(
        case.method,
        case.formatted_path,
        body or b"",
        content_type="application/json",
        query_params=dict(case.query or {}) or None,
        headers={**headers, "Authorization": f"Bearer {bearer}"},
    )


# Every operation is called many times: each role has its turn at each of them.
turns = itertools.cycle(Role)


@schema.parametrize()
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)
def test_no_call_is_a_failure_of_ours(case):
    role = next(turns)
    answer = send(case, as_role(role))
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
