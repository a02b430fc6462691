import json
from hashlib import sha256

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404

from bedside.audit.entry import SYSTEM, Entry, Thing
from bedside.console.accounts.models import Organisation
from bedside.console.devices.models import Device
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from bedside.console.relays.models import DeviceMessage
from bedside.console.sites import actions
from bedside.console.sites.actions import Window
from bedside.console.sites.models import BreakGlass, SiteArrangement, SiteKey, SitePolicyVersion
from bedside.console.sites.policies import (
    NewKey,
    do_follow_device,
    do_publish_policy,
    do_register_key,
)
from bedside.console.sites.queries import (
    access_site,
    broken_glass,
    lagging,
    policy_of,
    site_say,
    unreviewed_glass,
)
from bedside.pki.signing import SITE_POLICY, open_envelope
from bedside.policy.facts import HOUSE_SITE
from bedside.protocol.windows import SingleWindow
from bedside.site.cli import main as site_command
from bedside.vocabulary import (
    ClockState,
    Gate,
    JournalAction,
    Outcome,
    Permission,
    SiteAction,
    SiteRule,
)
from tests.console.sites.kit import SiteHand
from tests.console.world import DEVICE, FOREIGN, actions_of, another_manager, person

pytestmark = pytest.mark.usefixtures("fleet")

HOUR = 3_600_000
CONTROL = SiteAction.SYSTEM_CONTROL


@pytest.fixture
def hand(fleet):
    hand = SiteHand()
    hand.register()
    return hand


def injector():
    return Device.objects.get(pk=DEVICE)


def refused(call, *args, **kwargs):
    with pytest.raises(ValidationError) as error:
        call(*args, **kwargs)
    return error.value.code


def test_a_published_policy_is_shown_and_sent_to_every_enrolled_device_as_it_was_signed(hand):
    policy = hand.publish(rules={CONTROL: SiteRule.ASK_SITE})
    assert policy_of("notre-dame") == policy
    message = DeviceMessage.objects.get(kind="site_policy")
    assert message.device == DEVICE
    stored = bytes(SitePolicyVersion.objects.get().envelope)
    assert stored not in bytes(message.sealed)  # sealed to the device
    assert actions_of(action="site:policy:applied") == ["site:policy:applied"]
    hand.publish()
    assert DeviceMessage.objects.filter(kind="site_policy", closed_ms=None).count() == 1


def test_what_the_hospital_s_own_commands_sign_is_its_policy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in (
        "key new site.key",
        "policy new policy.toml --site notre-dame --timezone America/Toronto",
        "policy sign policy.toml --key site.key -o policy.signed --yes",
    ):
        assert site_command(command.split()) == 0
    site = Organisation.objects.get(pk="notre-dame")
    new = NewKey(public_key=(tmp_path / "site.key.pub").read_text())
    do_register_key(site, new, acting_user=person("Julie"))
    signed = (tmp_path / "policy.signed").read_bytes()
    assert do_publish_policy(site, signed, acting_user=person("Julie")).serial == 1
    assert set(policy_of("notre-dame").rules.values()) == {SiteRule.ASK_DEVICE}


def test_what_the_site_did_not_sign_is_no_policy_of_it(hand):
    other = SiteHand()
    publish = do_publish_policy
    julie = person("Julie")
    assert refused(publish, hand.site, other.sign(other.policy()), acting_user=julie) == "key"
    signed = hand.sign(hand.policy())
    bent = signed.replace(b'"payload":"ey', b'"payload":"fy', 1)
    assert bent != signed
    assert refused(publish, hand.site, bent, acting_user=julie) in ("key", "malformed")
    foreign = hand.sign(hand.policy(site="st-mary"))
    assert refused(publish, hand.site, foreign, acting_user=julie) == "site"
    assert policy_of("notre-dame") is None
    publish(hand.site, signed, acting_user=julie)
    assert refused(publish, hand.site, signed, acting_user=julie) == "serial"


def test_without_a_key_nothing_is_published_and_a_key_in_use_stays():
    hand = SiteHand()
    julie = person("Julie")
    sign = hand.sign(hand.policy())
    assert refused(do_publish_policy, hand.site, sign, acting_user=julie) == "no_key"
    no_key = NewKey(public_key="no key")
    assert refused(do_register_key, hand.site, no_key, acting_user=julie) == "key"
    hand.register()
    hand.publish()
    other = NewKey(public_key=SiteHand().public_key)
    assert refused(do_register_key, hand.site, other, acting_user=julie) == "statement_missing"


def test_a_new_key_follows_by_the_old_ones_statement_and_its_policy_is_sent(hand):
    """As `docs/howto/site-policy.md` says; what the old key signed applies until then."""
    julie = person("Julie")
    first = hand.publish(rules={CONTROL: SiteRule.ASK_SITE})
    statement = hand.renew()
    do_register_key(
        hand.site, NewKey(public_key=hand.public_key, statement=statement), acting_user=julie
    )
    assert policy_of("notre-dame") == first
    second = hand.publish()
    assert policy_of("notre-dame") == second
    message = DeviceMessage.objects.get(kind="site_policy", closed_ms=None)
    assert message.device == DEVICE
    changed = JournalRow.objects.filter(action="site:key:trusted").latest("id")
    assert json.loads(changed.entry)["detail"]["change"] == "handed_over"


def test_a_statement_that_the_present_key_did_not_sign_for_this_key_moves_nothing(hand):
    julie, thief = person("Julie"), SiteHand()
    hand.publish()
    forged = thief.renew()
    foreign = SiteHand("st-mary")
    for new, statement in (
        (thief.public_key, forged),
        (SiteHand().public_key, None),
        (thief.public_key, b"{}"),
        (foreign.public_key, hand.sign(hand.policy())),
    ):
        before = NewKey(public_key=new, statement=statement)
        code = refused(do_register_key, hand.site, before, acting_user=julie)
        assert code in ("statement", "statement_missing")
    held = hand.public_key
    other = hand.renew()
    wrong = NewKey(public_key=thief.public_key, statement=other)
    assert refused(do_register_key, hand.site, wrong, acting_user=julie) == "statement"
    assert SiteKey.objects.get().public_key == held


def test_a_lost_key_is_replaced_in_so_many_words(hand):
    julie = person("Julie")
    hand.publish()
    hand.renew()
    new = NewKey(public_key=hand.public_key, lost=True)
    do_register_key(hand.site, new, acting_user=julie)
    assert hand.publish().serial == 2
    changed = JournalRow.objects.filter(action="site:key:trusted").latest("id")
    assert json.loads(changed.entry)["detail"]["change"] == "lost"


def told(action, *, gate=None, **detail):
    outcome = Outcome.REFUSED if gate else Outcome.SUCCESS
    entry = Entry(
        seq=1, prev=None, time="2026-11-26T12:00:00.000Z", clock=ClockState.SYNCHRONISED, actor=SYSTEM, action=action,
        object=Thing("device", DEVICE), outcome=outcome, gate=gate, detail=detail,
    )  # fmt: skip
    do_follow_device(DEVICE, entry, now=now_ms())


def test_what_a_device_says_of_its_policy_is_seen_where_it_differs(hand):
    assert lagging("notre-dame", None, limit=9) == []
    first, second = hand.publish(), hand.publish()
    (silent,) = lagging("notre-dame", second, limit=9)
    assert (silent.device, silent.serial, silent.at_ms) == (DEVICE, 0, None)
    applied = JournalAction.SITE_POLICY_APPLIED

    def digest(policy):
        return sha256(policy.to_bytes()).hexdigest()

    told(applied, serial=1, sha256=digest(first))
    assert [each.serial for each in lagging("notre-dame", second, limit=9)] == [1]
    told(JournalAction.SITE_POLICY_REFUSED, gate=Gate.SITE_POLICY_SIGNATURE)
    (refusing,) = lagging("notre-dame", second, limit=9)
    assert (refusing.serial, refusing.refused) == (1, Gate.SITE_POLICY_SIGNATURE)
    told(applied, serial=2, sha256=digest(second))
    assert lagging("notre-dame", second, limit=9) == []
    told(applied, serial=2, sha256="0" * 64)
    assert [each.serial for each in lagging("notre-dame", second, limit=9)] == [2]
    told(JournalAction.SITE_KEY_TRUSTED, key_id="ab" * 8)
    assert [each.serial for each in lagging("notre-dame", second, limit=9)] == [0]


def test_the_console_cannot_sign_for_the_site(hand):
    """The envelope that a device gets verifies with the site's key and no key of the console."""
    hand.publish()
    row = SitePolicyVersion.objects.get()
    with pytest.raises(ValueError, match=r"signature|key"):
        open_envelope(bytes(row.envelope), SITE_POLICY, {}, limit=65536)


def test_a_site_without_a_policy_has_the_house_s():
    assert site_say(injector(), now_ms()).facts == HOUSE_SITE


def test_the_policy_s_own_window_counts_on_the_site_s_clock(hand):
    now = now_ms()
    window = SingleWindow(start_ms=now - HOUR, end_ms=now + HOUR)
    hand.publish(window=(CONTROL,), single=(window,))
    assert site_say(injector(), now).facts.open_until_ms == now + HOUR
    assert site_say(injector(), now + HOUR).facts.open_until_ms is None


def test_a_scheduled_site_is_served_in_its_windows_only(hand):
    julie, now = person("Julie"), now_ms()
    actions.do_arrange(hand.site, SiteArrangement.Kind.SCHEDULED, acting_user=julie)
    assert site_say(injector(), now).facts.open_until_ms is None
    assert CONTROL in site_say(injector(), now).facts.window
    window = Window(start_ms=now - 1000, end_ms=now + HOUR, ticket="CHG-4471")
    row = actions.do_open_window(hand.site, window, acting_user=julie)
    said = site_say(injector(), now)
    assert (said.facts.open_until_ms, said.ticket) == (now + HOUR, "CHG-4471")
    assert actions.do_close_window(row, acting_user=julie)
    assert not actions.do_close_window(row, acting_user=julie)
    assert site_say(injector(), now).facts.open_until_ms is None
    assert actions_of(action="site:window:changed") == ["site:window:changed"] * 3


def test_where_policy_and_schedule_both_ask_both_must_be_open(hand):
    julie, now = person("Julie"), now_ms()
    actions.do_arrange(hand.site, SiteArrangement.Kind.SCHEDULED, acting_user=julie)
    actions.do_open_window(
        hand.site, Window(start_ms=now - 1000, end_ms=now + 2 * HOUR), acting_user=julie
    )
    shut = SingleWindow(start_ms=now + HOUR, end_ms=now + 3 * HOUR)
    hand.publish(window=(CONTROL,), single=(shut,))
    assert site_say(injector(), now).facts.open_until_ms is None
    open_ = SingleWindow(start_ms=now - HOUR, end_ms=now + HOUR)
    hand.publish(window=(CONTROL,), single=(open_,))
    assert site_say(injector(), now).facts.open_until_ms == now + HOUR


def test_on_request_asks_the_site_and_opens_nothing_that_it_denies(hand):
    hand.publish(rules={SiteAction.SYSTEM_VIEW: SiteRule.DENY})
    kind = SiteArrangement.Kind.ON_REQUEST
    actions.do_arrange(hand.site, kind, acting_user=person("Julie"))
    rules = site_say(injector(), now_ms()).facts.rules
    assert rules[CONTROL] is SiteRule.ASK_SITE
    assert rules[SiteAction.SYSTEM_VIEW] is SiteRule.DENY
    assert rules[SiteAction.FILES_IN] is SiteRule.ASK_DEVICE


@pytest.mark.parametrize(
    ("start", "end", "device", "code"),
    [
        (0, 0, None, "end"),
        (-2 * HOUR, -HOUR, None, "end"),
        (0, 93 * 24 * HOUR, None, "length"),
        (0, HOUR, FOREIGN, "device"),
    ],
)
def test_what_is_no_window_is_refused(hand, start, end, device, code):
    now = now_ms()
    found = Device.objects.get(pk=device) if device else None
    window = Window(start_ms=now + start, end_ms=now + end, device=found)
    assert refused(actions.do_open_window, hand.site, window, acting_user=person("Julie")) == code


def test_broken_glass_lasts_an_hour_at_most_and_waits_for_its_review():
    julie = person("Julie")
    glass = actions.do_break_glass
    assert refused(glass, injector(), reason=" ", minutes=30, acting_user=julie) == "reason"
    assert (
        refused(glass, injector(), reason="Code blue", minutes=61, acting_user=julie) == "minutes"
    )
    row = glass(injector(), reason="Patient waiting", minutes=60, acting_user=julie)
    assert broken_glass(injector(), now_ms()).end_ms == row.start_ms + HOUR
    assert broken_glass(injector(), row.end_ms) is None
    assert refused(glass, injector(), reason="Again", minutes=5, acting_user=julie) == "running"
    review = actions.do_review_glass
    assert refused(review, row, finding="Too early", acting_user=julie) == "running"
    assert actions.do_end_glass(row, acting_user=julie)
    assert not actions.do_end_glass(row, acting_user=julie)
    row.refresh_from_db()
    assert list(unreviewed_glass("notre-dame")) == [row]
    assert list(unreviewed_glass("st-mary")) == []
    assert refused(review, row, finding=" ", acting_user=julie) == "finding"
    assert review(row, finding="The pump was stuck", acting_user=person("Alex"))
    assert not review(row, finding="Again", acting_user=julie)
    assert list(unreviewed_glass(None)) == []
    noted = JournalRow.objects.filter(action="site:glass:reviewed").latest("id")
    assert "sole_reviewer" not in json.loads(noted.entry)["detail"]
    assert actions_of(action__startswith="site:glass") == [
        "site:glass:broken",
        "site:glass:ended",
        "site:glass:reviewed",
    ]


def test_whoever_broke_the_glass_reviews_it_only_where_nobody_else_can():
    julie = person("Julie")

    def over():
        row = actions.do_break_glass(injector(), reason="x", minutes=5, acting_user=julie)
        assert actions.do_end_glass(row, acting_user=julie)
        return BreakGlass.objects.get(pk=row.pk)

    review = actions.do_review_glass
    assert review(over(), finding="A fuse", acting_user=julie)
    noted = JournalRow.objects.filter(action="site:glass:reviewed").latest("id")
    assert json.loads(noted.entry)["detail"]["sole_reviewer"] is True
    omar = another_manager()
    row = over()
    assert refused(review, row, finding="A fuse", acting_user=julie) == "own"
    assert review(row, finding="A fuse", acting_user=omar)
    omar.is_active = False
    omar.save()
    assert review(over(), finding="A fuse", acting_user=julie)


def test_a_site_is_its_own_people_s_and_the_maker_only_reads_it():
    assert access_site(person("Julie"), "notre-dame", Permission.SITES_POLICY_PUBLISH)
    with pytest.raises(Http404):
        access_site(person("Julie"), "st-mary")
    with pytest.raises(Http404):
        access_site(person("Marie"), "bayard-imaging")
    assert access_site(person("Marie"), "notre-dame")
    for permission in (
        Permission.SITES_POLICY_PUBLISH,
        Permission.SITES_REQUEST_APPROVE,
        Permission.SITES_WINDOW_MANAGE,
        Permission.SITES_BREAK_GLASS_START,
    ):
        with pytest.raises(PermissionDenied):
            access_site(person("Alex"), "notre-dame", permission)
