"""Somebody who reads pages with Django's test client, in one of the two languages."""

import re
import time
from typing import Any

from django.test import Client, RequestFactory

from bedside.console.devices.models import Device
from bedside.console.service_sessions.actions import do_request_session
from bedside.console.service_sessions.requests import SessionRequest
from bedside.vocabulary import AccessKind, Mode
from tests.console.world import DEVICE, person, public_key

BACKEND = "bedside.console.accounts.sign_in.LockingBackend"


class Reader:
    """A signed-in person, or nobody, and the language they have chosen."""

    def __init__(self, name: str | None = "Marie", language: str = "en") -> None:
        self.client = Client()
        self.client.cookies["bedside_language"] = language
        if name:
            self.client.force_login(person(name), backend=BACKEND)
            confirm(self.client, name)

    def get(self, path: str, **query):
        return self.client.get(path, query)

    def environ(self, path: str, **query) -> dict[str, Any]:
        """Return the request for a page as a web server hands it to the application."""
        cookies = "; ".join(f"{m.key}={m.value}" for m in self.client.cookies.values())
        return RequestFactory().get(path, query, headers={"Cookie": cookies}).environ

    def post(self, path: str, **fields):
        return self.client.post(path, fields)

    def text(self, path: str, **query) -> str:
        """Return what a page says, without its markup; the page must open."""
        answer = self.client.get(path, query)
        assert answer.status_code == 200, (path, answer.status_code)
        return words(answer)


def confirm(client: Client, name: str, *, proof: str = "password", at: float | None = None) -> None:
    """Let the browser be one whose person has just given this proof."""
    session = client.session
    record = {"method": proof, "at": time.time() if at is None else at}
    if proof in ("totp", "webauthn"):
        record = {**record, "method": "mfa", "type": proof}
    session["account_authentication_methods"] = [record]
    session["account_authentication_methods_user"] = person(name).pk
    session.save()


def words(answer) -> str:
    """Return what an answer says to a reader, spaces folded."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def ask(name: str = "Marie", device: str = DEVICE, **changed):
    """Ask for a session as the specialist's program does, and return it."""
    asked = {
        "access": AccessKind.SYSTEM,
        "mode": Mode.CONTROL,
        "duration_s": 1800,
        "case": "C-88213",
        "reason": "Pressure fault E12 after power cut",
        "public_key": public_key(),
        **changed,
    }
    found = Device.objects.get(pk=device)
    return do_request_session(found, SessionRequest(**asked), acting_user=person(name))
