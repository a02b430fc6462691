"""The site's own say at a real device: its policy through the console, its approvals, its windows.

Whoever holds the console's keys carries what the site signed and approved, and can change none of
it: each attempt is refused by its name in the device's journal, beside the same thing done right.
"""

import asyncio
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bedside.pki.keystore import KeyName
from bedside.pki.signing import SITE_POLICY, sign_envelope
from bedside.protocol.windows import SingleWindow
from bedside.testing.passkey import Passkey
from bedside.vocabulary import Activity, Ending, SiteAction, SiteRule
from tests.agent.hospital import MINUTE_MS, PAGE, Hospital
from tests.agent.test_session_life import asked, ended, let_in
from tests.agent.world import World, wall_ms, world

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]

ASK_SITE = SiteRule.ASK_SITE
DENY_CONTROL = {
    **dict.fromkeys(SiteAction, SiteRule.ASK_DEVICE),
    SiteAction.SYSTEM_CONTROL: SiteRule.DENY,
}


async def policy_refusal(play: World, envelope: bytes) -> tuple[str, str]:
    """Carry a policy, and return what the console is told of its refusal: gate, and why."""
    before = len(play.entries)
    await play.carry_policy(envelope)
    entry = await play.wait_for_entry("site:policy:refused", after=before)
    return entry["gate"], entry["detail"]["reason_code"]


async def asks_the_operator(play: World, operator, order) -> None:
    """The twin of a refusal: the same thing done right is asked at the device (and refused there)."""
    await play.ask_for(order)
    await play.wait_until(
        lambda: operator.status.request and operator.status.request.session == order.session
    )
    await asyncio.to_thread(operator.refuse)
    assert await ended(play, order) == ("refused", "consent")


async def refusal(play: World, order) -> str | None:
    await play.ask_for(order)
    ending, gate = await ended(play, order)
    assert ending == "refused"
    return gate


async def test_a_policy_counts_only_as_the_site_signed_it(tmp_path):
    async with world(tmp_path) as play:
        operator, site = await play.operator(), Hospital(play)
        assert operator.status.site.policy is None
        first = site.policy()
        # Without the site's key, nobody's policy counts, and the house's default holds.
        assert await policy_refusal(play, site.sign(first)) == ("site_policy_signature", "no_key")
        await asks_the_operator(play, operator, play.order())
        status, out = await site.trust()
        assert status == 0, out
        await play.wait_for_entry("site:key:trusted")
        await play.wait_until(lambda: operator.status.site.policy == 0)
        assert await refusal(play, play.order()) == "site_policy"
        await play.carry_policy(site.sign(first))
        await play.wait_until(lambda: operator.status.site.policy == 1)
        await asks_the_operator(play, operator, play.order())

        wide = site.policy()
        console = play.maker.store.signer(KeyName.ORDER)
        flipped = bytearray(site.sign(wide))
        flipped[len(flipped) // 2] ^= 1
        forgeries = {
            "by the console": (sign_envelope(wide.to_bytes(), SITE_POLICY, console), "unknown_key"),
            "by anybody": (site.sign(wide, ec.generate_private_key(ec.SECP256R1())), "unknown_key"),
            "of another site": (site.sign(replace(wide, site="st-luc")), "other_site"),
            "with one bit flipped": (bytes(flipped), None),
        }
        for name, (envelope, why) in forgeries.items():
            gate, code = await policy_refusal(play, envelope)
            assert gate == "site_policy_signature", name
            assert why in (None, code), name
        await site.rules(rules=DENY_CONTROL)
        for old in (first, wide):
            assert await policy_refusal(play, site.sign(old)) == ("site_policy_old", "old")
        assert await refusal(play, play.order()) == "site_policy"
        await play.wait_until(lambda: operator.status.site.policy == 3)
        operator.leave()


async def test_an_approval_holds_for_its_order_its_person_and_once(tmp_path):
    async with world(tmp_path) as play:
        operator, site = await play.operator(), Hospital(play)
        await site.trust()
        await site.rules(rule=ASK_SITE, ticket=(SiteAction.SYSTEM_CONTROL,))
        good = site.approved(site.julie, ticket="CHG-4471")
        await play.ask_for(good)
        await play.wait_until(lambda: operator.status.request)
        shown = operator.status.request
        assert (shown.approved_by, shown.ticket) == (("Julie Gagnon",), "CHG-4471")
        assert shown.actions == (SiteAction.FILES_IN, SiteAction.FILES_OUT)
        entry = await play.wait_for_entry("session:approval:verified", session=good.session)
        asked_ = await play.wait_for_entry("session:consent:asked", session=good.session)
        assert (entry["actor"]["name"], entry["seq"] < asked_["seq"]) == ("Julie Gagnon", True)
        await asyncio.to_thread(operator.refuse)
        assert await ended(play, good) == ("refused", "consent")

        thief = Passkey("p9", "Julie Gagnon", **PAGE)
        thief.approver = site.julie.approver  # her name and her credential, another key
        other = site.approved(site.julie, ticket="CHG-4471")
        spoiled = {
            "forged": (site.approved(thief, ticket="CHG-1"), "approval_signature"),
            "replayed": (replace(site.approved(ticket="CHG-1"), approvals=other.approvals),
                         "approval_signature"),
            "changed after": (replace(site.approved(site.julie, ticket="CHG-1"), ticket="CHG-2"),
                              "approval_signature"),
            "stretched after": (replace(other, approved_until_ms=wall_ms() + 60 * MINUTE_MS),
                                "approval_signature"),
            "beside a good one": (site.approved(site.julie, thief, ticket="CHG-1"),
                                  "approval_signature"),
            "dropped": (site.approved(ticket="CHG-1"), "site_approval"),
            "too late": (site.approve(replace(play.order(ticket="CHG-1"),
                                              approved_until_ms=wall_ms() - 1), site.julie),
                         "site_approval"),
            "without its ticket": (site.approved(site.julie), "change_ticket"),
        }  # fmt: skip
        for name, (order, gate) in spoiled.items():
            assert await refusal(play, order) == gate, name
            entry = await play.wait_for_entry("order:document:refused", session=order.session)
            told = "approval_of_another_order" in entry["detail"]
            assert told == (name in ("replayed", "changed after", "stretched after")), name

        await site.rules(rule=ASK_SITE, two_approvers=tuple(sorted(SiteAction)))
        assert await refusal(play, site.approved(site.julie, site.julie)) == "site_approval"
        await asks_the_operator(play, operator, site.approved(site.julie, site.ahmed))
        await site.rules(rule=ASK_SITE, approvers=(site.julie.approver,))
        assert await refusal(play, site.approved(site.ahmed)) == "approval_signature"
        await asks_the_operator(play, operator, site.approved(site.julie))
        operator.leave()


async def test_an_approved_order_comes_again_in_vain_as_long_as_the_approval_holds(tmp_path):
    async with world(tmp_path) as play:
        operator, site = await play.operator(), Hospital(play)
        await site.trust()
        await site.rules(rule=ASK_SITE)
        order = site.approved(site.julie, answer_by_ms=wall_ms() + 10_000)
        await play.ask_for(order)
        assert await ended(play, order) == ("unanswered", "consent_silence")
        # The console may sign new times around the same approval: its session was met.
        kept = play.config.state_dir / "seen" / order.session
        assert int(kept.read_text()) == order.approved_until_ms
        before = len(play.entries)
        await play.ask_for(replace(order, issued_ms=wall_ms(), answer_by_ms=wall_ms() + 60_000))
        entry = await play.wait_for_entry(
            "order:document:refused", session=order.session, after=before
        )
        assert entry["gate"] == "order_replayed"
        operator.leave()


def until(end_ms: int) -> SingleWindow:
    return SingleWindow(start_ms=end_ms - 60 * MINUTE_MS, end_ms=end_ms)


async def test_a_window_that_closes_ends_the_session(tmp_path):
    async with world(tmp_path) as play:
        operator, site = await play.operator(), Hospital(play)
        await site.trust()
        needing = tuple(sorted(SiteAction))
        await site.rules(window=needing)
        assert await refusal(play, play.order()) == "site_window"
        await site.rules(window=needing, single=(until(closes := wall_ms() + 20 * MINUTE_MS),))
        order = await asked(play, operator)
        assert operator.status.request.duration_s <= 20 * 60
        await asyncio.to_thread(operator.accept, "J. Roy")
        code = await play.wait_until(lambda: operator.status.presence_code)
        assert operator.status.session.until_ms == closes
        specialist = play.specialist(order, operator.status.connection.relay, code=code)
        shell = await specialist.start("ssh", "device", "echo up; sleep 1000")
        assert await shell.stdout.readline() == b"up\n"
        await site.rules(window=needing, single=(until(wall_ms() + 1000),))
        assert await asyncio.wait_for(shell.wait(), 60) == 255
        assert await ended(play, order) == ("site_terminated", "site_window")

        await site.rules(window=needing, single=(until(closes := wall_ms() + 15_000),))
        order = await asked(play, operator)
        await asyncio.to_thread(operator.accept, "J. Roy")
        assert await ended(play, order) == ("site_terminated", "site_window")
        assert wall_ms() >= closes
        operator.leave()


async def test_what_the_site_denies_while_somebody_is_inside_ends(tmp_path):
    async with world(tmp_path) as play:
        operator, site = await play.operator(), Hospital(play)
        await site.trust()
        await site.rules()
        order, specialist = await let_in(play, operator)
        shell = await specialist.start("ssh", "device", "echo up; sleep 1000")
        assert await shell.stdout.readline() == b"up\n"
        status, out = await site.install(site.sign(site.policy(rules=DENY_CONTROL)))
        assert status == 0, out
        assert await asyncio.wait_for(shell.wait(), 60) == 255
        assert await ended(play, order) == ("site_terminated", "site_policy")
        operator.leave()


async def test_broken_glass_needs_one_verified_yes_and_is_loud(tmp_path):
    async with world(tmp_path) as play:
        operator, site = await play.operator(), Hospital(play)
        await site.trust()
        everything = tuple(sorted(SiteAction))
        await site.rules(
            rule=ASK_SITE, window=everything, ticket=everything, two_approvers=everything
        )
        assert await refusal(play, site.approved(break_glass=True)) == "site_approval"
        # The yes was for an ordinary session: the console may not call it broken glass.
        ordinary = site.approved(site.julie)
        assert await refusal(play, replace(ordinary, break_glass=True)) == "approval_signature"
        longer = site.approved(site.julie, break_glass=True, duration_s=3601)
        assert await refusal(play, longer) == "duration"
        order = site.approved(site.julie, break_glass=True)
        await play.ask_for(order)
        await play.wait_until(lambda: operator.status.request)
        assert operator.status.request.break_glass
        assert operator.status.request.approved_by == ("Julie Gagnon",)
        await asyncio.to_thread(operator.accept, "J. Roy")
        code = await play.wait_until(lambda: operator.status.presence_code)
        specialist = play.specialist(order, operator.status.connection.relay, code=code)
        status, out, errors = await specialist.run("ssh", "device", "echo in")
        assert (status, out) == (0, "in\n"), errors
        await play.wait_until(lambda: operator.status.activity is Activity.CONTROLLING)
        assert operator.status.session.break_glass
        received = await play.wait_for_entry("order:document:received", session=order.session)
        assert received["detail"]["break_glass"] is True
        await asyncio.to_thread(operator.stop)
        assert await ended(play, order) == (Ending.BY_OPERATOR, None)
        operator.leave()


async def test_what_somebody_changed_on_the_disk_opens_nothing(tmp_path):
    async with world(tmp_path) as play:
        operator, site = await play.operator(), Hospital(play)
        await site.trust()
        await site.rules()
        stored = play.config.state_dir / "site" / "policy.json"
        first = stored.read_bytes()
        await asks_the_operator(play, operator, play.order())
        stored.write_bytes(first.replace(b'"sig":"M', b'"sig":"N'))
        assert await refusal(play, play.order()) == "site_policy_signature"
        status, out = await play.command("site", "show")
        assert status == 4
        assert "not signed by the site's key" in out
        await site.rules()
        await asks_the_operator(play, operator, play.order())
        stored.write_bytes(first)
        assert await refusal(play, play.order()) == "site_policy_old"
        play.config.site_trust.unlink()
        assert await refusal(play, play.order()) == "site_policy_signature"
        operator.leave()


async def test_files_go_only_where_the_order_covers_them(tmp_path):
    async with world(tmp_path) as play:
        operator = await play.operator()
        order, specialist = await let_in(play, operator, actions=(SiteAction.FILES_OUT,))
        (specialist.folder / "fix.bin").write_bytes(b"fix")
        status, _, errors = await specialist.run("scp", "fix.bin", "device:inbox/")
        assert status == 1
        assert "files to the device are not part of this session" in errors
        entry = await play.wait_for_entry("session:file:refused", session=order.session)
        assert entry["gate"] == "site_policy"
        assert list((play.state / "inbox").iterdir()) == []
        await asyncio.to_thread(operator.stop)
        assert await ended(play, order) == ("by_operator", None)
        order, specialist = await let_in(play, operator)
        (specialist.folder / "fix.bin").write_bytes(b"fix")
        status, _, errors = await specialist.run("scp", "fix.bin", "device:inbox/")
        assert (status, errors) == (0, "")
        await asyncio.to_thread(operator.stop)
        operator.leave()
