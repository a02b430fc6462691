"""Every example of a request in the description is one that the console takes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import transaction

from bedside.console.journal.actions import now_ms
from bedside.console.project.examples import AT_MS
from bedside.protocol.codec import Fields
from bedside.protocol.site import Approval
from tests.console.passkeys import register_passkey
from tests.console.things import things
from tests.console.world import Api, empowered, person

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"
DESCRIPTION = json.loads(REFERENCE.read_text(encoding="utf-8"))
# What no example can be: made for one question, one sign-in, or signed with a key of today.
NOT_SENT = {"approveSession", "publishSitePolicy", "redeemSignIn"}
# Where the world of `things` says no to any body: it was read, and it is no fault of the example.
SAID_BY_THE_WORLD = {
    "addHook": "known",
    "breakGlass": "running",
    "reviewBrokenGlass": "running",
    "sendInvitation": "activated",
}


def examples() -> Iterator[tuple[str, str, Any]]:
    for path, methods in DESCRIPTION["paths"].items():
        for operation in methods.values():
            if body := operation.get("requestBody"):
                example = body["content"]["application/json"]["example"]
                yield operation["operationId"], path.removeprefix("/api/v1"), example


def of_today(example: Any) -> Any:
    """Return the example with its moments as far from an hour ahead as they are from `AT_MS`."""
    if isinstance(example, dict):
        later = now_ms() + 3_600_000 - AT_MS
        return {
            name: value + later
            if name.endswith("_ms") and isinstance(value, int)
            else of_today(value)
            for name, value in example.items()
        }
    return [of_today(each) for each in example] if isinstance(example, list) else example


def takes(name: str, answer) -> bool:
    """Whether an answer is none to a body that is malformed."""
    if answer.status_code == 422:
        codes = {each["code"] for each in answer.json()["errors"]}
        return codes == {SAID_BY_THE_WORLD.get(name)}
    decided = answer.status_code == 403 and "reasons" in answer.json()  # a lock of `things` holds
    return decided or answer.status_code < 300 or answer.status_code == 409


def sent(name: str, path: str, body: Any) -> list[tuple[int, bytes]]:
    """Post this as everybody in turn, each time undone; return each no, nothing for a yes."""
    said = []
    for make, who in (
        (make, who) for who in ("Alex", "Julie", "Marie") for make in (empowered, Api)
    ):
        with transaction.atomic():
            answer = make(who).post(path, body)
            transaction.set_rollback(True)
        if takes(name, answer):
            return []
        said.append((answer.status_code, answer.content[:300]))
    return said


@pytest.mark.usefixtures("fleet")
def test_every_example_of_a_request_is_taken():
    # Nobody decides about themselves: the person of the examples is another one than Alex.
    marie = person("Marie")
    register_passkey(marie)
    passkey = Authenticator.objects.filter(user=marie, type="webauthn").latest("id")
    ids = {**things(), "person_id": marie.pk, "passkey_id": str(passkey.pk)}
    wrong = {
        name: said
        for name, path, example in examples()
        if name not in NOT_SENT and (said := sent(name, path.format(**ids), of_today(example)))
    }
    assert not wrong, wrong


def test_an_approval_s_example_is_read_as_one():
    example = next(each for name, _, each in examples() if name == "approveSession")
    assert Approval.from_fields(Fields(example)).approver == example["approver"]
