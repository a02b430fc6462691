"""The site's own commands, from its first key to a policy that a device reads."""

import json
import re
import stat
from pathlib import Path

import pytest

from bedside.agent.site.book import open_policy
from bedside.agent.site.state import SiteTrust
from bedside.pki.fingerprints import fingerprint_words
from bedside.pki.signing import SITE_KEY, key_id, load_public_key, open_envelope
from bedside.protocol.site import SiteKeyHandOver
from bedside.site.draft import parse_draft
from bedside.testing.passkey import Passkey
from bedside.vocabulary import SiteAction, SiteRule
from tests.site.kit import AHMED, JULIE, Office


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    return Office(tmp_path, monkeypatch, capsys)


def signed_policy(folder: Path):
    """The policy in `policy.signed`, read as a device of the site would."""
    trust = SiteTrust(site="hnd", public_key=(folder / "site.key.pub").read_text())
    return open_policy((folder / "policy.signed").read_bytes(), trust)


def words_of(folder: Path, name: str) -> str:
    return fingerprint_words(load_public_key((folder / name).read_text()))


def test_a_key_is_its_owner_s_alone_and_is_said_in_words(office):
    assert office.run("key", "new", "site.key") == 0
    assert stat.S_IMODE((office.folder / "site.key").stat().st_mode) == 0o600
    words = words_of(office.folder, "site.key.pub")
    assert words in office.out
    assert office.run("key", "show", "site.key.pub") == 0
    assert office.out == words + "\n"
    before = (office.folder / "site.key").read_bytes()
    assert office.run("key", "new", "site.key") == 2
    assert (office.folder / "site.key").read_bytes() == before


def test_a_key_with_a_passphrase_signs_only_with_it(office):
    office.begin()
    secret = "a long passphrase"
    for typed in ("short\nshort\n", f"{secret}\nanother one!\n"):
        assert office.run("key", "new", "other.key", "--passphrase", typed=typed) == 4
        assert not (office.folder / "other.key").exists()
    assert office.run("key", "new", "other.key", "--passphrase", typed=f"{secret}\n{secret}\n") == 0
    command = ("policy", "sign", "policy.toml", "--key", "other.key", "-o", "p.signed")
    assert office.run(*command, typed="a wrong passphrase\nyes\n") == 4
    assert office.run(*command, typed=f"{secret}\nyes\n") == 0


@pytest.mark.parametrize("locale", ["C", "fr_CA.UTF-8"])
def test_the_first_policy_asks_everything_at_the_device(office, locale):
    office.speaks(locale)
    office.begin()
    assert office.sign(typed="oui\n" if locale != "C" else "yes\n") == 0
    policy = signed_policy(office.folder)
    assert policy.serial == 1
    assert set(policy.rules.values()) == {SiteRule.ASK_DEVICE}
    assert (policy.site, policy.timezone) == ("hnd", "America/Toronto")
    assert office.run("policy", "show", "policy.signed", "--key-pub", "site.key.pub") == 0
    french = "demander à la personne à l’appareil" in office.out
    assert french is (locale != "C")
    assert re.search(rf"\d\d:\d\d {'H[NA]E' if french else 'E[SD]T'}\.\n", office.out)
    assert words_of(office.folder, "site.key.pub") in office.out


def test_signing_shows_what_changes_and_the_number_grows(office):
    office.begin()
    assert office.sign() == 0
    assert "first policy" in office.out
    office.edit('system_control  = "ask_device"', 'system_control  = "deny"')
    office.edit("window = []", 'window = ["service_control"]')
    office.edit("weekly = []", 'weekly = ["mon-fri 20:00-23:00"]')
    office.edit("single = []", 'single = ["2026-11-23 20:00 - 2026-11-24 02:00"]')
    assert office.sign() == 0
    for line in (
        "~ operating system, control: ask the person at the device; now denied",
        "+ Monday to Friday, 20:00 to 23:00",
        "+ 2026-11-23 20:00 to 2026-11-24 02:00",
    ):
        assert line in office.out.splitlines()
    policy = signed_policy(office.folder)
    assert policy.serial == 2
    assert policy.rules[SiteAction.SYSTEM_CONTROL] is SiteRule.DENY
    office.edit('weekly = ["mon-fri 20:00-23:00"]', "weekly = []")
    office.edit("America/Toronto", "America/Vancouver")
    assert office.sign("--serial", "9") == 0
    assert "- Monday to Friday, 20:00 to 23:00" in office.out.splitlines()
    assert "~ time zone: America/Toronto, now America/Vancouver" in office.out
    assert signed_policy(office.folder).serial == 9
    assert office.sign() == 0
    assert "Nothing changes but the number." in office.out


def test_without_a_yes_nothing_is_signed(office):
    office.begin()
    for typed in ("", "\n", "no\n", "y\n", "oui\n"):
        assert office.sign(typed=typed) == 1
        assert not (office.folder / "policy.signed").exists()
        assert office.out.endswith("Nothing is signed.\n")
    assert office.sign("--yes", typed="") == 0


@pytest.mark.parametrize("serial", ["1", "2", "0", "-1"])
def test_a_number_that_does_not_grow_is_refused(office, serial):
    office.begin()
    assert office.sign("--serial", "2") == 0
    before = (office.folder / "policy.signed").read_bytes()
    assert office.sign("--serial", serial) == 4
    assert "higher than 2" in office.err
    assert (office.folder / "policy.signed").read_bytes() == before


def test_the_last_policy_must_be_the_site_s_own(office):
    office.begin()
    assert office.sign() == 0
    office.edit('site = "hnd"', 'site = "st-luc"')
    assert office.sign() == 4
    assert "st-luc" in office.err
    office.edit('site = "st-luc"', 'site = "hnd"')
    assert office.run("key", "new", "other.key") == 0
    command = ("policy", "sign", "policy.toml", "--key", "other.key", "-o")
    assert office.run(*command, "policy.signed", "--yes") == 4
    assert "not signed by this key" in office.err
    # The first one by a new key has nothing to be compared with: its number is said.
    assert office.run(*command, "new.signed", "--yes", "--serial", "5") == 0


BENT = [
    ('site = "hnd"', "", "site: missing"),
    ('site = "hnd"', "site = 7", "site: not_text"),
    ("ticket = []", "ticket = []\nmore = 1", "unknown_field"),
    ("ticket = []", 'ticket = ["paint"]', "not_a_member"),
    ("ticket = []", 'ticket = ["job", "job"]', "order"),
    ("two_approvers = []", 'two_approvers = ["job"]', "two_approvers: mismatch"),
    ('job             = "ask_device"', 'job = "perhaps"', "rules.job: not_a_member"),
    ('job             = "ask_device"', "", "rules.job: missing"),
    ('job             = "ask_device"', 'job = "ask_site"', "job: approvers needed: 1, enrolled: 0"),
    ("America/Toronto", "America/Nowhere", "no time zone"),
    ("America/Toronto", "../../etc/passwd", "no time zone"),
    ("weekly = []", 'weekly = ["someday"]', "no weekly window: someday"),
    ("single = []", 'single = ["2026-02-30 20:00-23:00"]', "no such date: 2026-02-30"),
    ("single = []", "single = [2026-11-23]", "not_text"),
    ("[windows]", "[window]", ""),
    ("ticket = []", "ticket = [", "not TOML at line"),
]


@pytest.mark.parametrize(("before", "after", "why"), BENT)
def test_what_cannot_be_meant_is_refused_and_named(office, before, after, why):
    office.begin()
    office.edit(before, after)
    assert office.sign("--yes") == 4
    assert why in office.err
    assert not (office.folder / "policy.signed").exists()


def test_a_file_too_large_is_not_read_through(office):
    office.begin()
    (office.folder / "policy.toml").write_bytes(b"#" * 10_000_000)
    assert office.sign("--yes") == 4
    assert "too large" in office.err


def test_an_approver_is_added_once_their_words_were_compared(office):
    office.begin()
    export = office.export(JULIE)
    before = (office.folder / "policy.toml").read_text()
    assert office.run("approver", "add", "policy.toml", export, typed="no\n") == 1
    assert office.out.endswith("Nobody is added: policy.toml stays as it was.\n")
    assert (office.folder / "policy.toml").read_text() == before
    words = fingerprint_words(load_public_key(JULIE.approver.public_key))
    assert "Julie Gagnon" in office.out
    assert words in office.out
    assert office.run("approver", "add", "policy.toml", export, typed="yes\n") == 0
    assert office.run("approver", "add", "policy.toml", export, "--yes") == 4
    assert office.run("approver", "add", "policy.toml", office.export(AHMED), "--yes") == 0
    office.edit('update          = "ask_device"', 'update = "ask_site"')
    office.edit("two_approvers = []", 'two_approvers = ["update"]')
    assert office.sign() == 0
    assert words in office.out
    policy = signed_policy(office.folder)
    assert policy.approvers == (JULIE.approver, AHMED.approver)
    assert policy.approvals_needed((SiteAction.UPDATE,)) == 2


def test_a_policy_that_no_device_would_read_is_not_signed(office):
    office.begin()
    text = (office.folder / "policy.toml").read_text()
    people = [
        Passkey(f"p{number}", "N" * 120, rp_id="console.example", origin="https://console.example")
        for number in range(32)
    ]
    tables = [
        {**person.approver.to_dict(), "credential": f"{number:0500}"}
        for number, person in enumerate(people)
    ]
    lines = [
        "\n".join(
            ["[[approvers]]", *(f"{name} = {json.dumps(value)}" for name, value in one.items())]
        )
        for one in tables
    ]
    (office.folder / "policy.toml").write_text(text + "\n".join(lines))
    assert office.sign("--yes") == 4
    assert "too long" in office.err


def test_what_is_no_approver_is_refused(office):
    office.begin()
    assert office.run("approver", "add", "policy.toml", office.export(JULIE), "--yes") == 0
    for bent in (
        {"id": ""},
        {"more": 1},
        {"origin": "http://console.example"},
        {"public_key": "none"},
        # One key is not two people, however it is spelled.
        {"public_key": "\n" + JULIE.approver.public_key},
    ):
        add_in_vain(office, office.export(AHMED, **bent))
    for file in (office.export(), office.export(AHMED, site="st-luc"), "policy.toml"):
        add_in_vain(office, file)
    (office.folder / "bare.json").write_text(json.dumps(AHMED.approver.to_dict()))
    add_in_vain(office, "bare.json")
    assert office.run("approver", "add", "policy.toml", office.export(AHMED), "--yes") == 0


def add_in_vain(office: Office, file: str) -> None:
    before = (office.folder / "policy.toml").read_bytes()
    assert office.run("approver", "add", "policy.toml", file, "--yes") == 4
    assert office.err.startswith("bedside site: ")
    assert (office.folder / "policy.toml").read_bytes() == before


def test_the_guides_order_works_rules_first_and_then_whom_they_ask(office):
    office.begin()
    office.edit('update          = "ask_device"', 'update = "ask_site"')
    assert office.sign() == 4
    assert "update: approvers needed: 1, enrolled: 0" in office.err
    assert office.run("approver", "add", "policy.toml", office.export(JULIE), "--yes") == 0
    assert office.sign() == 0


def test_a_person_with_two_passkeys_is_one_person(office):
    office.begin()
    second = Passkey(
        "p9", "Julie Gagnon", rp_id="console.example", origin="https://console.example"
    )
    export = office.export(JULIE, second)
    assert office.run("approver", "add", "policy.toml", export, typed="yes\nno\n") == 1
    assert office.run("approver", "add", "policy.toml", export, typed="yes\nyes\n") == 0
    office.edit('update          = "ask_device"', 'update = "ask_site"')
    assert office.sign() == 0
    office.edit("two_approvers = []", 'two_approvers = ["update"]')
    assert office.sign() == 4
    assert "update: approvers needed: 2, enrolled: 1" in office.err


def test_a_name_cannot_write_toml(office):
    office.begin()
    person = Passkey(
        "p9", 'Ann "A" \\ O\'Neil ]] = é', rp_id="c.example", origin="https://c.example"
    )
    assert office.run("approver", "add", "policy.toml", office.export(person), "--yes") == 0
    text = (office.folder / "policy.toml").read_bytes()
    assert parse_draft(text).approvers == (person.approver,)


def test_the_old_key_hands_over_to_a_new_one(office):
    office.begin()
    assert office.run("key", "new", "next.key") == 0
    command = ("key", "hand-over", "next.key.pub", "--site", "hnd")
    assert office.run(*command, "--key", "site.key", "-o", "hand-over.signed") == 0
    assert words_of(office.folder, "next.key.pub") in office.out
    old = load_public_key((office.folder / "site.key.pub").read_text())
    envelope = (office.folder / "hand-over.signed").read_bytes()
    said = SiteKeyHandOver.from_bytes(
        open_envelope(envelope, SITE_KEY, {key_id(old): old}, limit=20_000)
    )
    assert (said.site, said.public_key) == ("hnd", (office.folder / "next.key.pub").read_text())


@pytest.mark.parametrize(
    "words",
    [
        ("key", "show", "nothing.pub"),
        ("policy", "show", "nothing", "--key-pub", "site.key.pub"),
        ("policy", "sign", "nothing", "--key", "site.key", "-o", "x"),
    ],
)
def test_a_file_that_is_not_there_is_named(office, words):
    office.begin()
    assert office.run(*words) == 2
    assert re.search(r"nothing(\.pub)?: there is no such file", office.err)


def test_a_name_that_is_no_text_is_shown_and_a_file_that_is_there_is_named(office):
    office.begin()
    office.speaks("fr_CA.UTF-8")
    assert office.run("key", "show", "a\udcff") == 2
    assert office.err == "bedside site: a\\udcff: aucun fichier de ce nom\n"
    assert office.run("key", "new", "site.key") == 2
    assert "site.key.pub: il y a déjà un tel fichier" in office.err


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a = " + b"[" * 20_000, b"a = '" + b"x" * 65_536])
@pytest.mark.parametrize(
    "words",
    [
        ("approver", "add", "bent", "approver.json", "--yes"),
        ("approver", "add", "policy.toml", "bent", "--yes"),
        ("policy", "sign", "bent", "--key", "site.key", "-o", "out"),
        ("policy", "sign", "policy.toml", "--key", "bent", "-o", "out"),
        ("policy", "sign", "policy.toml", "--key", "site.key", "--last", "bent", "-o", "out"),
        ("policy", "show", "bent", "--key-pub", "site.key.pub"),
        ("policy", "show", "policy.toml", "--key-pub", "bent"),
        ("key", "show", "bent"),
        ("key", "hand-over", "bent", "--site", "hnd", "--key", "site.key", "-o", "out"),
        ("key", "hand-over", "site.key.pub", "--site", "hnd", "--key", "bent", "-o", "out"),
    ],
)
def test_a_file_of_anything_is_refused_in_a_sentence(office, words, data):
    office.begin()
    office.export(JULIE)
    (office.folder / "bent").write_bytes(data)
    assert office.run(*words) == 4
    assert re.fullmatch("bedside site: .+\n", office.err)
    assert not (office.folder / "out").exists()


@pytest.mark.parametrize("serial", [2**53, 10**30])
def test_a_number_that_no_device_reads_is_refused(office, serial):
    office.begin()
    assert office.sign("--serial", str(serial)) == 4
    assert "highest number that a device reads is 9007199254740991" in office.err
    assert office.sign("--serial", str(2**53 - 1)) == 0
    assert signed_policy(office.folder).serial == 2**53 - 1
    assert office.sign() == 4
    assert "highest number" in office.err


@pytest.mark.parametrize("site", ["", "x" * 65, "a\nb", "a\u202eb", "a\udcff"])
def test_what_is_no_site_is_not_signed(office, site):
    office.begin()
    command = ("key", "hand-over", "site.key.pub", "--key", "site.key", "-o", "out", "--site")
    assert office.run(*command, site) == 4
    assert "no id of a site" in office.err
    place = ("--site", site, "--timezone", "America/Toronto")
    assert office.run("policy", "new", "other.toml", *place) == 4
    assert not (office.folder / "other.toml").exists()
    assert office.run(*command, "hnd") == 0


def test_a_passphrase_that_is_no_text_or_is_not_typed_is_refused(office):
    office.begin()
    odd = "\udcff" * 12
    assert office.run("key", "new", "o.key", "--passphrase", typed=f"{odd}\n{odd}\n") == 4
    secret = "a long passphrase"
    assert office.run("key", "new", "o.key", "--passphrase", typed=f"{secret}\n{secret}\n") == 0
    command = ("policy", "sign", "policy.toml", "--key", "o.key", "-o", "p.signed", "--yes")
    for typed in ("", "\n", f"{odd}\n"):
        assert office.run(*command, typed=typed) == 4
        assert "not the key's passphrase" in office.err
    assert office.run(*command, typed=f"{secret}\n") == 0


def test_a_bent_signature_is_named(office):
    office.begin()
    assert office.sign() == 0
    path = office.folder / "policy.signed"
    path.write_bytes(path.read_bytes().replace(b'"sig":"M', b'"sig":"N'))
    assert office.run("policy", "show", "policy.signed", "--key-pub", "site.key.pub") == 4
    assert office.run("policy", "show", "policy.signed", "--key-pub", "site.key") == 4
