"""Told once, after the commit, to real servers; what cannot be told is kept where one can see it."""

import json
from dataclasses import replace

import pytest
from django.conf import settings
from django.db import transaction

from bedside.audit.entry import SYSTEM
from bedside.console.journal.actions import now_ms
from bedside.console.notices.actions import (
    Mail,
    Webhook,
    do_forget_sent,
    do_send_due,
    do_tell,
    do_try_again,
)
from bedside.console.notices.models import Notice
from bedside.console.notices.plan import MAX_TRIES
from bedside.console.notices.webhook import check_url, new_secret, sign
from tests.console.notices.servers import listener, mail_server
from tests.console.notices.standard_webhooks import verify
from tests.console.world import actions_of

pytestmark = pytest.mark.django_db

MAIL = Mail(to="it@notre-dame.example", subject="Séance\r\nBcc: all@evil.example", body="Bonjour")


@pytest.fixture
def post(monkeypatch):
    with mail_server() as (server, port):
        configure(monkeypatch, host="127.0.0.1", port=port, security="none")
        yield server


def configure(monkeypatch, **changes):
    config = settings.CONFIG
    mail = replace(config.mail, sender="Bedside <bedside@maker.example>", **changes)
    monkeypatch.setattr(settings, "CONFIG", replace(config, mail=mail))


def tell(message=MAIL, key="k"):
    with transaction.atomic():
        return do_tell(message, event="session.live", key=key, organisation="notre-dame")


def test_a_mail_leaves_once_whatever_its_subject_holds(post):
    assert tell()
    assert not tell()
    assert do_send_due(now=now_ms()) == 1
    assert do_send_due(now=now_ms()) == 0
    (mail,) = post.mails
    assert mail["Subject"] == "Séance Bcc: all@evil.example"
    assert mail["Bcc"] is None
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().strip() == "Bonjour"
    row = Notice.objects.get()
    assert (row.state, row.tries) == ("sent", 1)
    assert row.pk in mail["Message-ID"]


def test_nothing_leaves_for_a_change_that_was_taken_back(post):
    with transaction.atomic():
        do_tell(MAIL, event="session.live", key="k")
        transaction.set_rollback(True)
    assert do_send_due(now=now_ms()) == 0
    assert post.mails == []


def test_a_server_that_is_away_is_asked_again_later(post):
    tell()
    post.refusal = "451 Try again later"
    assert do_send_due(now=now_ms()) == 0
    row = Notice.objects.get()
    assert (row.state, row.tries, row.error) == ("waiting", 1, "recipient refused (451)")
    assert row.next_ms > now_ms() + 20_000
    post.refusal = ""
    assert do_send_due(now=now_ms()) == 0
    assert do_send_due(now=row.next_ms) == 1


def test_a_lasting_refusal_is_a_dead_letter_that_somebody_can_send_again(post):
    tell()
    post.refusal = "550 No such user"
    do_send_due(now=now_ms())
    row = Notice.objects.get()
    assert (row.state, row.error) == ("dead", "recipient refused (550)")
    assert actions_of(action="notice:message:lost") == ["notice:message:lost"]
    post.refusal = ""
    assert do_try_again(row, actor=SYSTEM)
    assert not do_try_again(row, actor=SYSTEM)
    assert do_send_due(now=now_ms()) == 1


def test_a_server_that_never_comes_back_ends_as_a_dead_letter(monkeypatch):
    configure(monkeypatch, host="127.0.0.1", port=9, security="none")
    tell()
    now = now_ms()
    for _ in range(MAX_TRIES):
        assert Notice.objects.get().state == "waiting"
        do_send_due(now=now)
        now = Notice.objects.get().next_ms
    assert Notice.objects.get().state == "dead"


def test_without_a_mail_server_mail_waits(monkeypatch):
    configure(monkeypatch, host="")
    tell()
    do_send_due(now=now_ms())
    assert Notice.objects.get().error == "no mail server is configured"


def test_two_workers_send_it_once(post):
    """The one that comes second finds it leased, and takes it up when the first one died."""
    tell()
    from bedside.console.notices.actions import _lease

    now = now_ms()
    assert len(_lease(now)) == 1
    assert do_send_due(now=now) == 0
    assert do_send_due(now=now + 121_000) == 1


def test_what_lets_somebody_in_is_wiped_once_it_is_sent(post):
    tell(Mail(to="a@b.example", subject="Invitation", body="secret link", private=True))
    do_send_due(now=now_ms())
    assert "secret link" in post.mails[0].get_content()
    assert Notice.objects.get().body == ""


@pytest.fixture
def program(monkeypatch):
    configure(monkeypatch, private_webhooks=1)
    with listener() as kept:
        yield kept


SECRET = new_secret()


def hook(url, secret=SECRET, **facts):
    return Webhook(url=url, secret=secret, facts=facts)


def test_an_event_is_posted_and_its_signature_holds(program):
    tell(hook(program.url, device="CI-20417", level=2, ending=None))
    assert do_send_due(now=now_ms()) == 1
    ((headers, body),) = program.events
    told = json.loads(body)
    assert (told["type"], told["device"], told["ending"]) == ("session.live", "CI-20417", None)
    assert verify(SECRET, headers, body)
    assert not verify(SECRET, headers, body + b" ")
    assert not verify(new_secret(), headers, body)
    assert headers["webhook-id"] == Notice.objects.get().pk
    assert "whsec" not in Notice.objects.get().secret


def test_the_standard_s_own_example_is_signed_as_it_says():
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    said = sign(secret, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at_s=1614265330, body=body)
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_test",
        SECRET.removeprefix("whsec_"),
        SECRET[:-1],
        "whsec_" + "_-" * 21 + "_=",
        "whsec_c2hvcnQ=",
        "whsec_é",
    ],
    # Every process of a run must give a test the same name.
    ids=["nothing", "prefix", "short", "bare", "cut", "other letters", "few bytes", "accent"],
)
def test_a_secret_that_is_none_is_a_dead_letter_that_says_why(program, secret):
    tell(hook(program.url, secret))
    assert do_send_due(now=now_ms()) == 0
    row = Notice.objects.get()
    assert program.events == []
    assert (row.state, row.error) == (
        "dead",
        "the secret is not whsec_ and 24 to 64 bytes in base64",
    )


@pytest.mark.parametrize(("status", "state"), [(500, "waiting"), (302, "waiting"), (410, "dead")])
def test_what_is_not_taken_is_not_sent(program, status, state):
    program.status = status
    tell(hook(program.url))
    assert do_send_due(now=now_ms()) == 0
    assert Notice.objects.get().state == state
    assert len(program.events) == 1  # a redirect is not followed


def test_the_console_talks_to_no_neighbour_of_its_own(monkeypatch):
    with listener() as kept:
        configure(monkeypatch, private_webhooks=0)
        tell(hook(kept.url.replace("http:", "https:")))
        do_send_due(now=now_ms())
        assert kept.events == []
    row = Notice.objects.get()
    assert (row.state, row.error) == (
        "dead",
        "the name resolves to an address that is not public",
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://siem.example/",
        "ftp://siem.example/",
        "https://user:word@siem.example/",
        "https://siem.example/#part",
        "https://siem.example:99999/",
        "https:///nowhere",
        "https://siem.example/" + "x" * 500,
        "javascript:alert(1)",
    ],
)
def test_what_is_no_public_https_address_is_refused(url):
    with pytest.raises(ValueError, match=r"."):
        check_url(url)
    assert check_url("https://siem.example:8443/events?a=b")


def test_what_was_sent_is_forgotten_after_a_season_and_dead_letters_never(post):
    tell()
    tell(key="other")
    do_send_due(now=now_ms())
    Notice.objects.filter(key="other").update(state="dead")
    assert do_forget_sent(now=now_ms() + 91 * 24 * 3_600_000) == 1
    assert Notice.objects.get().key == "other"
