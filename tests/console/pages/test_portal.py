"""The site's portal by hand: each page says what it will do, and a foreign site is as unknown."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from bedside.console.journal.actions import now_ms
from bedside.console.relays.models import DeviceMessage
from bedside.console.service_sessions.actions import question_of
from bedside.console.service_sessions.models import ServiceSession
from bedside.console.sites.models import (
    AppliedPolicy,
    BreakGlass,
    SiteKey,
    SitePolicyVersion,
    SiteWindow,
)
from bedside.pki.fingerprints import fingerprint_words
from bedside.pki.signing import load_public_key
from bedside.vocabulary import SiteAction, SiteRule
from tests.console.pages.reader import Reader, ask, confirm, words
from tests.console.passkeys import register_passkey
from tests.console.service_sessions.news import live
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, Api, another_manager, person

pytestmark = pytest.mark.usefixtures("fleet")

CONTROL = SiteAction.SYSTEM_CONTROL


@pytest.fixture
def hand(fleet):
    hand = SiteHand()
    hand.register()
    return hand


@pytest.fixture
def passkey(fleet):
    return register_passkey(person("Julie"))


@pytest.fixture
def asked(hand, passkey):
    hand.publish(rules={CONTROL: SiteRule.ASK_SITE}, approvers=(passkey.approver,))
    return ask()


def assertion_of(session, passkey, **options):
    digest = question_of(session, person("Julie")).digest
    return json.dumps(passkey.approve(digest, **options).to_dict())


def test_somebody_of_a_site_goes_straight_to_it():
    assert Reader("Julie").get("/sites/").headers["Location"] == "/sites/notre-dame/"
    assert "St. Mary Medical Center" in Reader("Marie").text("/sites/")


def test_the_portal_shows_who_waits_who_is_in_and_what_is_planned(asked):
    said = Reader("Julie", "fr").text("/sites/notre-dame/")
    assert "Demandé : en attente de votre établissement Direct" not in said
    assert "Marie Tremblay" in said
    assert "Politique 1, signée avec la clé de l’établissement." in said
    assert "Nobody is connected" in Reader("Julie").text("/sites/notre-dame/")


def test_who_is_in_is_seen_while_they_are_and_is_sent_out(fleet):
    session = live(ask())
    julie = Reader("Julie")
    said = julie.text("/sites/notre-dame/")
    assert "Marie Tremblay Bayard Imaging CI-20417 Live, control" in said
    assert "/live/fleet/events" in julie.get("/sites/notre-dame/").content.decode()
    assert (
        f'href="/sessions/{session.pk}/end/"'
        in julie.get(f"/sessions/{session.pk}/").content.decode()
    )
    julie.post(f"/sessions/{session.pk}/end/")
    session.refresh_from_db()
    assert session.ending == "site_terminated"
    assert DeviceMessage.objects.filter(kind="withdrawal", session=session.pk).exists()
    assert "Nobody is connected" in julie.text("/sites/notre-dame/")


def test_approving_shows_every_word_and_sends_the_order(asked, passkey):
    reader = Reader("Julie")
    said = reader.text(f"/sessions/{asked.pk}/approve/")
    for word in ("Marie Tremblay", "Bayard Imaging", "level 2", "United States", DEVICE,
                 "Pressure fault E12 after power cut", "C-88213", "Files to the device", "30 min"):  # fmt: skip
        assert word in said, word
    answer = reader.post(f"/sessions/{asked.pk}/approve/", assertion=assertion_of(asked, passkey))
    assert answer.headers["Location"] == f"/sessions/{asked.pk}/"
    told = reader.text(f"/sessions/{asked.pk}/")
    assert "the device has not verified it yet" in told
    assert "Approved by" not in told
    assert ServiceSession.objects.get(pk=asked.pk).state == "routed"
    after = reader.get(f"/sessions/{asked.pk}/approve/")
    assert after.headers["Location"] == f"/sessions/{asked.pk}/"


@pytest.mark.parametrize(
    "assertion", ["", "{}", "[]", "x" * 20_000, '{"approver": "\\u202e"}', "\x00"]
)
def test_what_is_no_assertion_approves_nothing(asked, assertion):
    answer = Reader("Julie").post(f"/sessions/{asked.pk}/approve/", assertion=assertion)
    assert answer.status_code == 400
    assert ServiceSession.objects.get(pk=asked.pk).state == "awaiting_site"


def test_a_passkey_without_the_person_approves_nothing(asked, passkey):
    answer = Reader("Julie", "fr").post(
        f"/sessions/{asked.pk}/approve/", assertion=assertion_of(asked, passkey, flags=1)
    )
    assert answer.status_code == 400
    assert "Rien n’a été approuvé" in answer.content.decode()
    assert ServiceSession.objects.get(pk=asked.pk).state == "awaiting_site"


def test_refusing_needs_its_reason_which_the_specialist_reads(asked):
    reader = Reader("Julie")
    path = f"/sessions/{asked.pk}/approve/"
    assert reader.post(path, refuse="1", reason=" ").status_code == 400
    assert reader.post(path, refuse="1", reason="a\u202eb").status_code == 400
    reader.post(path, refuse="1", reason="Not before noon")
    said = Reader("Marie").text(f"/sessions/{asked.pk}/")
    assert "Not before noon" in said
    assert "The site did not approve this." in said


def test_only_the_site_s_people_approve(asked):
    assert Reader("Marie").get(f"/sessions/{asked.pk}/approve/").status_code == 403
    assert Reader("Alex").post(f"/sessions/{asked.pk}/approve/").status_code == 403


def test_what_holds_without_a_policy_is_said_with_the_key_and_without_it(fleet):
    reader = Reader("Julie")
    for path in ("/sites/notre-dame/", "/sites/notre-dame/policy/"):
        assert "verything is asked at the device" in reader.text(path)
    SiteHand().register()
    for path in ("/sites/notre-dame/", "/sites/notre-dame/policy/"):
        said = reader.text(path)
        assert "refuses everything until" in said
        assert "verything is asked at the device" not in said


def test_how_long_the_site_has_to_answer_is_said_before_asking(hand, passkey):
    path = f"/devices/{DEVICE}/request/?access=system&mode=control&minutes=30&case=C-1&reason=E12"
    assert "First the site has" not in Reader("Marie").text(path)
    hand.publish(rules={CONTROL: SiteRule.ASK_SITE}, approvers=(passkey.approver,))
    assert "First the site has 30 minutes to approve" in Reader("Marie").text(path)


def test_key_and_approvers_are_said_in_the_words_that_commands_and_paper_say(hand, passkey):
    hand.publish(rules={CONTROL: SiteRule.ASK_SITE}, approvers=(passkey.approver,))
    told = Api("Julie").get("/sites/notre-dame/policy").json()
    said = Reader("Julie").text("/sites/notre-dame/policy/")
    for public, here in (
        (hand.public_key, told["key_words"]),
        (passkey.approver.public_key, told["policy"]["approvers"][0]["words"]),
    ):
        spoken = fingerprint_words(load_public_key(public))
        assert here == spoken
        assert spoken in said


def test_the_forms_of_contacts_come_before_what_was_told():
    page = Reader("Julie").get("/sites/notre-dame/contacts/").content.decode()
    assert page.index('id="addhook"') < page.index('id="told"')


def test_a_policy_is_published_and_shown_in_words(hand):
    reader = Reader("Julie")
    policy = hand.policy(rules={CONTROL: SiteRule.ASK_SITE}, two_approvers=(CONTROL,))
    file = SimpleUploadedFile("policy.signed", hand.sign(policy))
    answer = reader.post("/sites/notre-dame/policy/", publish="1", policy=file)
    assert answer.status_code == 302, words(answer)
    said = reader.text("/sites/notre-dame/policy/")
    assert "Ask the site's approvers" in said.replace("&#x27;", "'")
    assert "two approvers" in said
    bad = SimpleUploadedFile("policy.signed", b"{}" * 10)
    answer = reader.post("/sites/notre-dame/policy/", publish="1", policy=bad)
    assert answer.status_code == 400
    large = SimpleUploadedFile("policy.signed", b"x" * 100_000)
    assert reader.post("/sites/notre-dame/policy/", publish="1", policy=large).status_code == 400
    assert SitePolicyVersion.objects.count() == 1


def test_a_new_key_is_taken_with_its_hand_over_and_the_next_policy_is_published(hand):
    hand.publish()
    julie, path = Reader("Julie"), "/sites/notre-dame/policy/"
    statement = hand.renew()
    assert "hand-over" in julie.text(path)
    refused = julie.post(path, public_key=hand.public_key)
    assert refused.status_code == 400
    assert "Add the statement that the present key signs" in words(refused)
    signed = hand.sign(hand.policy())
    early = julie.post(path, publish="1", policy=SimpleUploadedFile("next.signed", signed))
    assert early.status_code == 400
    assert "register that one first" in words(early)
    file = SimpleUploadedFile("hand-over.signed", statement)
    taken = julie.post(path, public_key=hand.public_key, statement=file)
    assert taken.status_code == 302, words(taken)
    assert "Publish the next policy, signed with the new key." in julie.text(path)
    done = julie.post(path, publish="1", policy=SimpleUploadedFile("next.signed", signed))
    assert done.status_code == 302, words(done)
    said = julie.text(path)
    assert "Policy 2" in said
    assert "The key has changed since the last policy" not in said


def test_keys_policies_and_broken_glass_ask_who_one_is_unless_that_was_said_just_now(hand):
    julie, path = Reader("Julie"), "/sites/notre-dame/policy/"
    glass = f"/devices/{DEVICE}/break-glass/"
    confirm(julie.client, "Julie", at=0)
    said = julie.text(path)
    assert "confirm first who you are" in said
    assert "Register a key" not in said
    before = SiteHand()
    file = SimpleUploadedFile("policy.signed", hand.sign(hand.policy()))
    for address, fields in (
        (path, {"public_key": before.public_key}),
        (path, {"publish": "1", "policy": file}),
        (glass, {"reason": "Patient waits", "minutes": "30"}),
    ):
        asked = julie.post(address, **fields)
        assert asked.status_code == 302, address
        assert "reauthenticate" in asked.headers["Location"]
    assert "reauthenticate" in julie.get(glass).headers["Location"]
    assert SiteKey.objects.get().public_key == hand.public_key
    assert not SitePolicyVersion.objects.exists()
    assert not BreakGlass.objects.exists()
    confirm(julie.client, "Julie")
    assert "Register a key" in julie.text(path)
    assert julie.post(glass, reason="Patient waits", minutes="30").status_code == 302
    assert BreakGlass.objects.exists()
    marie = Reader("Marie")
    confirm(marie.client, "Marie", at=0)
    assert "confirm first who you are" not in marie.text(path)


def test_a_device_that_applies_another_policy_is_named_on_the_portal(hand):
    hand.publish()
    AppliedPolicy.objects.create(device_id=DEVICE, serial=7, at_ms=now_ms())
    for reader, path in (("Julie", "/sites/notre-dame/"), ("Alex", "/sites/notre-dame/policy/")):
        said = Reader(reader).text(path)
        assert "Here the newest is policy 1. By their own journals:" in said
        assert f"{DEVICE} applies policy 7" in said
    assert "applique la politique 7" in Reader("Julie", "fr").text("/sites/notre-dame/")


def test_the_maker_reads_a_policy_and_publishes_none(hand):
    hand.publish()
    assert "Policy 1" in Reader("Alex").text("/sites/notre-dame/policy/")
    file = SimpleUploadedFile("policy.signed", hand.sign(hand.policy()))
    answer = Reader("Alex").post("/sites/notre-dame/policy/", publish="1", policy=file)
    assert answer.status_code == 403


def test_a_window_is_planned_on_the_site_s_clock_and_closed():
    reader = Reader("Julie")
    answer = reader.post(
        "/sites/notre-dame/windows/",
        start="2040-07-01T20:00", end="2040-07-01T23:00", device=DEVICE, ticket="CHG-4471",
    )  # fmt: skip
    assert answer.status_code == 302, words(answer)
    window = SiteWindow.objects.get()
    assert (
        window.start_ms == 2_224_800_000_000
    )  # 2040-07-02T00:00:00Z: Toronto is four hours behind
    assert "CHG-4471" in reader.text("/sites/notre-dame/windows/")
    wrong = reader.post(
        "/sites/notre-dame/windows/", start="2040-07-01T20:00", end="2040-07-01T19:00"
    )
    assert wrong.status_code == 400
    assert "Sessions that need this window end" in reader.text(f"/windows/{window.pk}/close/")
    reader.post(f"/windows/{window.pk}/close/")
    window.refresh_from_db()
    assert window.closed_ms
    foreign = reader.post(
        "/sites/notre-dame/windows/",
        start="2040-07-01T20:00", end="2040-07-01T23:00", device="WS-00311",
    )  # fmt: skip
    assert foreign.status_code == 400


def test_the_arrangement_is_stated():
    reader = Reader("Julie", "fr")
    reader.post("/sites/notre-dame/arrangement/", kind="scheduled")
    assert "Pendant les plages de service seulement" in reader.text("/sites/notre-dame/")
    reader.post("/sites/notre-dame/arrangement/", kind="whenever")
    assert "Pendant les plages de service seulement" in reader.text("/sites/notre-dame/")


def test_broken_glass_is_loud_and_its_review_is_closed_once():
    reader = Reader("Julie")
    said = reader.text(f"/devices/{DEVICE}/break-glass/")
    assert "somebody must review it" in said
    assert (
        reader.post(f"/devices/{DEVICE}/break-glass/", reason="", minutes="30").status_code == 400
    )
    assert (
        reader.post(f"/devices/{DEVICE}/break-glass/", reason="x", minutes="90").status_code == 400
    )
    reader.post(f"/devices/{DEVICE}/break-glass/", reason="Patient waits", minutes="30")
    glass = BreakGlass.objects.get()
    said = reader.text("/sites/notre-dame/")
    assert f"EMERGENCY ACCESS to {DEVICE} is open until" in said
    assert "waits for its review" not in said
    early = reader.post(f"/break-glass/{glass.pk}/", finding="Too early")
    assert early.status_code == 400
    reader.post(f"/break-glass/{glass.pk}/end/")
    assert f"Emergency access to {DEVICE} waits for its review" in reader.text("/sites/notre-dame/")
    # Nobody else of the site could close it: it is said before, after, and in the journal.
    assert "Nobody else of your site may close this review" in reader.text(
        f"/break-glass/{glass.pk}/"
    )
    reader.post(f"/break-glass/{glass.pk}/", finding="The pump was stuck.\nReplaced.")
    glass.refresh_from_db()
    assert glass.review == "The pump was stuck. Replaced."
    assert "waits for its review" not in reader.text("/sites/notre-dame/")
    assert glass.end_ms - glass.start_ms <= 3_600_000
    assert glass.start_ms <= now_ms()


def test_while_it_is_open_emergency_access_is_loud_to_hospital_and_manufacturer():
    pages = ("/", f"/devices/{DEVICE}/")
    words_of = {"en": "EMERGENCY ACCESS", "fr": "ACCÈS D’URGENCE"}
    seen = [
        (name, lang, path) for name in ("Julie", "Marie") for lang in words_of for path in pages
    ]
    for name, lang, path in seen:
        assert words_of[lang] not in Reader(name, lang).text(path)
    Reader("Julie").post(f"/devices/{DEVICE}/break-glass/", reason="Patient waits", minutes="30")
    for name, lang, path in seen:
        shown = Reader(name, lang).get(path).content.decode()
        (badge,) = re.findall(r'<span class="state state-control whole">.*?</span>', shown)
        assert words_of[lang] in badge
        assert "<svg" in badge
    Reader("Julie").post(f"/break-glass/{BreakGlass.objects.get().pk}/end/")
    for name, lang, path in seen:
        assert words_of[lang] not in Reader(name, lang).text(path)


def test_another_person_closes_the_review_where_the_site_has_one(fleet):
    another_manager()
    reader = Reader("Julie")
    reader.post(f"/devices/{DEVICE}/break-glass/", reason="Patient waits", minutes="30")
    path = f"/break-glass/{BreakGlass.objects.get().pk}/"
    reader.post(f"{path}end/")
    assert "Another person closes this review" in reader.text(path)
    own = reader.post(path, finding="All was well")
    assert own.status_code == 400
    assert "another person of your site closes its review" in words(own)
    assert BreakGlass.objects.get().reviewed_ms is None
    assert Reader("Omar").post(path, finding="A fuse").status_code == 302
    assert "The same person opened it" not in reader.text(path)


def test_the_maker_breaks_no_glass():
    for name in ("Alex", "Marie"):
        assert Reader(name).get(f"/devices/{DEVICE}/break-glass/").status_code == 403


@pytest.mark.parametrize(
    "path", ["/sites/st-mary/", "/sites/st-mary/windows/", "/sites/st-mary/policy/",
             "/sites/st-mary/approver/", "/devices/WS-00311/break-glass/", "/windows/nothing/close/",
             "/break-glass/nothing/", "/sites/bayard-imaging/"],
)  # fmt: skip
def test_what_is_another_site_s_is_as_unknown(path):
    assert Reader("Julie").get(path).status_code == 404


def test_an_approver_s_passkeys_are_given_as_the_policy_names_them(passkey):
    told = json.loads(Reader("Julie").get("/sites/notre-dame/approver/").content)
    assert told["site"] == "notre-dame"
    (found,) = told["approvers"]
    assert found.pop("passkey") == "Test key"
    assert found == passkey.approver.to_dict()
    assert Reader("Marie").get("/sites/notre-dame/approver/").status_code == 403
    words = fingerprint_words(load_public_key(passkey.approver.public_key))
    assert words in Reader("Julie").get("/sites/notre-dame/").content.decode()
    assert words not in Reader("Marie").get("/sites/notre-dame/").content.decode()
