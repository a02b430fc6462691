"""Whose policies a device takes: decided at the device, by a person who compares words."""

import json
import os
import pwd
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bedside.pki.fingerprints import fingerprint_words
from bedside.pki.signing import KeySigner, public_key_pem
from bedside.site.signing import hand_over
from bedside.vocabulary import SiteAction, SiteRule
from tests.agent.hospital import Hospital
from tests.agent.reach import for_any_user
from tests.agent.test_privileges import another_user
from tests.agent.world import SITE, World, wall_ms, world

pytestmark = pytest.mark.asyncio


def journalled(play: World, action: str) -> list[dict]:
    return [entry for entry in play.journal() if entry["action"] == action]


async def trusts(play: World, public, *options: str, typed: str = "") -> tuple[int, str]:
    return await play.command(
        "site", "trust", str(public), *options, stdin=typed.encode(errors="surrogateescape")
    )


async def test_a_key_is_trusted_by_a_person_who_compares_its_words(tmp_path):
    async with world(tmp_path, running=False) as play:
        site = Hospital(play)
        status, out = await play.command("site", "show")
        assert (status, "put no key of its own" in out, SITE.name in out) == (0, True, True)
        for typed in ("", "no\n", "y\n"):
            status, out = await trusts(play, site.public, typed=typed)
            assert (status, site.words in out) == (1, True)
        status, out = await trusts(play, site.public, "--fingerprint", "Alfa Bravo")
        assert status == 1
        status, out = await trusts(play, site.public, typed="yes\n\n")  # nobody's name
        assert status == 1
        for name in ("a\udcff", "a\nb", "a\u202eb", "x" * 121):
            words = ("--fingerprint", site.words, "--name", name)
            status, out = await trusts(play, site.public, *words)
            assert (status, "needs the name" in out, "Traceback" in out) == (1, True, False)
        status, out = await trusts(
            play,
            site.public,
            "--fingerprint",
            site.words,
            typed=b"\xff\n".decode(errors="surrogateescape"),
        )
        assert (status, "Traceback" in out) == (1, False)
        assert not play.config.site_trust.exists()
        assert not journalled(play, "site:key:trusted")
        status, out = await trusts(play, site.public, typed="yes\nAnn Roy\n")
        assert (status, "nobody comes in" in out) == (0, True)
        [entry] = journalled(play, "site:key:trusted")
        assert (entry["actor"]["name"], entry["detail"]["site"]) == ("Ann Roy", SITE.id)
        status, out = await trusts(play, site.public)
        assert (status, "trusted already" in out) == (0, True)
        assert (await trusts(play, play.folder / "manufacturer.pub"))[0] == 4
        assert (await trusts(play, play.config.profile))[0] == 4


async def test_a_policy_is_installed_and_said_in_words(tmp_path):
    async with world(tmp_path, running=False) as play:
        site = Hospital(play)
        first = site.sign(site.policy())
        assert (await site.install(first))[0] == 4
        assert (await site.trust())[0] == 0
        status, out = await play.command("site", "show")
        assert (status, site.words in out) == (4, True)
        second = site.sign(site.policy(rule=SiteRule.ASK_SITE, ticket=(SiteAction.SYSTEM_CONTROL,)))
        status, out = await site.install(second)
        assert (status, "no. 2 applies" in out) == (0, True)
        assert (await site.install(second))[0] == 0
        status, out = await site.install(first)
        assert (status, "older than the one that applies" in out) == (4, True)
        assert (await site.install(first[:-9]))[0] == 4
        status, out = await play.command("site", "show")
        assert status == 0
        for words in ("ask the site's approver, change ticket", "Julie Gagnon", site.words):
            assert words in out
        applied = [entry["detail"]["serial"] for entry in journalled(play, "site:policy:applied")]
        refused = [entry["gate"] for entry in journalled(play, "site:policy:refused")]
        assert applied == [2]
        assert refused == ["site_policy_signature", "site_policy_old", "site_policy_signature"]
        assert (await play.command("journal", "verify"))[0] == 0


async def test_another_key_follows_by_the_old_one_s_word_or_by_force(tmp_path):
    async with world(tmp_path, running=False) as play:
        site = Hospital(play)
        await site.trust()
        await site.install(site.sign(site.policy()))
        following = ec.generate_private_key(ec.SECP256R1())
        public = play.folder / "next.pub"
        public.write_text(public_key_pem(following.public_key()))
        words = ("--fingerprint", fingerprint_words(following.public_key()), "--name", "Ann Roy")
        status, out = await trusts(play, public, *words)
        assert (status, "another key of its site" in out) == (4, True)
        other = ec.generate_private_key(ec.SECP256R1())
        statements = {
            "by nobody known": hand_over(
                SITE.id, following.public_key(), KeySigner(other), wall_ms()
            ),
            "for another key": hand_over(
                SITE.id, other.public_key(), KeySigner(site.key), wall_ms()
            ),
            "for another site": hand_over(
                "st-luc", following.public_key(), KeySigner(site.key), wall_ms()
            ),
            "a policy": site.sign(site.policy()),
            "nothing": b"",
        }
        statement = play.folder / "statement"
        for name, envelope in statements.items():
            statement.write_bytes(envelope)
            status, out = await trusts(play, public, *words, "--statement", str(statement))
            assert status == 4, name
        refused = [entry["outcome"] for entry in journalled(play, "site:key:trusted")][1:]
        assert refused == ["refused"] * 6
        statement.write_bytes(
            hand_over(SITE.id, following.public_key(), KeySigner(site.key), wall_ms())
        )
        status, out = await trusts(play, public, *words, "--statement", str(statement))
        assert status == 0, out
        entry = journalled(play, "site:key:trusted")[-1]
        assert entry["detail"]["previous_key_id"] == KeySigner(site.key).key_id
        # The old key's policy counts no more, and the numbers go on.
        assert (await play.command("site", "show"))[0] == 4
        assert (await site.install(site.sign(site.policy())))[0] == 4
        site.serial = 0
        status, out = await site.install(site.sign(site.policy(), following))
        assert (status, "older" in out) == (4, True)
        assert (await site.install(site.sign(site.policy(), following)))[0] == 0

        status, out = await site.trust()
        assert status == 4
        status, out = await site.trust("--replace")
        assert status == 0, out
        entry = journalled(play, "site:key:trusted")[-1]
        assert entry["detail"]["previous_key_id"] == KeySigner(following).key_id
        assert entry["actor"]["name"] == "Ann Roy"
        site.serial = 0
        assert (await site.install(site.sign(site.policy())))[0] == 0


async def test_a_trust_that_was_damaged_is_made_anew_by_force_only(tmp_path):
    async with world(tmp_path, running=False) as play:
        site = Hospital(play)
        await site.trust()
        await site.install(site.sign(site.policy()))
        play.config.site_trust.unlink()
        stranger = Hospital(play)
        assert (await stranger.trust())[0] == 4
        site.public.write_text(public_key_pem(site.key.public_key()))
        assert (await site.trust())[0] == 0  # the same key: its numbers go on
        assert (await play.command("site", "show"))[0] == 0
        floor = play.config.state_dir / "site" / "floor.json"
        floor.write_text(json.dumps({"key_id": "x"}))
        assert (await site.trust())[0] == 4
        assert (await site.trust("--replace"))[0] == 0


@pytest.fixture
def open_folder():
    """A folder that another user may walk through."""
    with TemporaryDirectory(prefix="bedside-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_root_makes_nothing_that_the_worker_cannot_read_and_follows_none_of_its_links(
    open_folder,
):
    """The state belongs to the worker's user; root runs the commands."""
    user = another_user()
    uid = pwd.getpwnam(user).pw_uid
    async with world(open_folder, enrolled=False) as play:
        play.before_agent = for_any_user() or ()
        play.config_file.write_text(f'{play.config_file.read_text()}worker_user = "{user}"\n')
        assert (await play.enrol())[0] == 0
        site = Hospital(play)
        status, out = await site.trust()
        assert status == 0, out
        assert (await site.install(site.sign(site.policy())))[0] == 0
        state = play.config.state_dir
        made = [state / "site", *(state / "site").iterdir(), *(state / "journal").iterdir()]
        assert {path.stat().st_uid for path in made} == {uid}
        trust = play.config.site_trust.stat()
        assert (trust.st_uid, trust.st_mode & 0o777) == (os.geteuid(), 0o644)
        if uid != os.geteuid():
            await its_link_leads_nowhere(play, site)


async def its_link_leads_nowhere(play: World, site: Hospital) -> None:
    roots = play.folder / "roots"
    roots.mkdir(mode=0o755)
    shutil.rmtree(play.config.state_dir / "site")
    (play.config.state_dir / "site").symlink_to(roots)
    assert (await site.trust("--replace"))[0] == 2
    assert roots.stat().st_mode & 0o777 == 0o755
    assert not list(roots.iterdir())


async def test_a_device_without_an_identity_has_no_site(tmp_path):
    async with world(tmp_path, enrolled=False) as play:
        site = Hospital(play)
        status, out = await site.trust()
        assert (status, "not enrolled" in out) == (2, True)
