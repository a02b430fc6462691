"""Who is told, and what could not be: contacts, webhooks, dead letters."""

import base64
import re

import pytest
from django.db import transaction

from bedside.console.notices.actions import Mail, do_tell
from bedside.console.notices.models import Notice
from bedside.console.notices.queries import MOST_DEAD, dead_count
from bedside.console.sites.models import SiteContact, SiteHook
from tests.console.pages.reader import Reader, words

pytestmark = pytest.mark.usefixtures("fleet")

PATH = "/sites/notre-dame/contacts/"
CONTACT = {"name": "Desk", "email": "desk@nd.example", "language": "fr", "before": "on"}


def test_a_contact_is_added_and_removed():
    reader = Reader("Julie")
    assert reader.post(PATH, **CONTACT).status_code == 302
    said = reader.text(PATH)
    assert "desk@nd.example" in said
    assert reader.post(PATH, **CONTACT).status_code == 400
    row = SiteContact.objects.get()
    assert (row.before, row.during, row.after) == (True, False, False)
    reader.post(f"/contacts/{row.pk}/remove/")
    assert "Nobody is told yet" in reader.text(PATH)


@pytest.mark.parametrize(
    "changes",
    [{"email": "no address"}, {"name": ""}, {"name": "a\u202eb"}, {"language": "xx"},
     {"name": "x" * 200}, {"email": "x" * 300 + "@nd.example"}],
)  # fmt: skip
def test_what_is_no_contact_is_refused(changes):
    assert Reader("Julie").post(PATH, **{**CONTACT, **changes}).status_code == 400
    assert not SiteContact.objects.exists()


def test_a_webhook_s_secret_is_shown_once():
    reader = Reader("Julie")
    said = words(reader.post("/sites/notre-dame/hooks/", url="https://siem.nd.example/x"))
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", said)
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert "whsec_" not in reader.text(PATH)
    again = reader.post("/sites/notre-dame/hooks/", url="https://siem.nd.example/x")
    assert again.status_code == 400
    assert reader.post("/sites/notre-dame/hooks/", url="http://plain.example/").status_code == 400
    row = SiteHook.objects.get()
    reader.post(f"/hooks/{row.pk}/remove/")
    assert not SiteHook.objects.exists()


def test_another_site_s_contacts_are_as_unknown():
    SiteContact.objects.create(site_id="st-mary", name="Bob", email="bob@sm.example")
    row = SiteContact.objects.get()
    assert Reader("Julie").post(f"/contacts/{row.pk}/remove/").status_code == 404
    assert Reader("Julie").get("/sites/st-mary/contacts/").status_code == 404
    assert Reader("Julie").post("/hooks/nothing/remove/").status_code == 404


@pytest.fixture
def dead(fleet):
    with transaction.atomic():
        do_tell(
            Mail(to="it@nd.example", subject="Lost", body="x"), event="session.live", key="k",
            organisation="notre-dame",
        )  # fmt: skip
    Notice.objects.update(state="dead", error="answered 550")
    return Notice.objects.get()


def test_dead_letters_are_seen_and_sent_again(dead):
    reader = Reader("Alex", "fr")
    said = reader.text("/notices/", state="dead")
    assert "1 avis n’a pas pu être remis." in said
    assert "l’autre côté a répondu 550" in said
    reader.post(f"/notices/{dead.pk}/again/")
    dead.refresh_from_db()
    assert dead.state == "waiting"


def test_of_many_dead_letters_only_so_much_is_counted(dead):
    copies = (Notice(key=f"k{n}", state="dead", next_ms=0, body="x") for n in range(MOST_DEAD))
    Notice.objects.bulk_create(copies)
    assert dead_count() == MOST_DEAD + 1
    assert "Plus de 99 avis n’ont pas pu être remis." in Reader("Alex", "fr").text("/notices/")
    dead.delete()
    assert "99 notices could not be delivered." in Reader("Alex").text("/notices/")
    Notice.objects.create(key="one", state="dead", next_ms=0, body="x")
    Notice.objects.create(key="two", state="dead", next_ms=0, body="x")
    assert dead_count() == MOST_DEAD + 1


def test_notices_are_not_everybody_s(dead):
    assert Reader("Marie").get("/notices/").status_code == 403
    assert Reader("Julie").get("/notices/").status_code == 403
    assert "Lost" in Reader("Julie").text(PATH)


FAILURES = ["answered 500", "recipient refused (550)", "refused (451)", "TimeoutError",
            "ConnectionRefusedError", "no mail server is configured", "the name resolves to an address that is not public",
            "not an https URL", "the secret is not whsec_ and 24 to 64 bytes in base64"]  # fmt: skip


def test_what_was_told_and_why_it_was_not_taken_is_said_in_the_readers_language():
    for number, error in enumerate(FAILURES):
        Notice.objects.create(
            key=f"k{number}", channel="webhook", organisation="notre-dame", state="dead",
            address="https://siem.nd.example/x", event="session.ended", error=error, next_ms=0,
        )  # fmt: skip
    for name in ("Julie", "Alex"):
        said = (
            Reader(name, "fr").text("/notices/")
            if name == "Alex"
            else Reader(name, "fr").text(PATH)
        )
        assert "Une séance est terminée" in said
        assert "session.ended" not in said
        for english in ("answered", "refused", "resolves", "https URL", "whsec"):
            assert english not in said
        assert "a répondu 500" in said
