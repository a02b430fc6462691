"""A relay's new key takes its old certificates away, once the relay itself has come with it."""

import pytest
from cryptography import x509
from django.core.management import call_command
from joserfc.jwk import ECKey

from bedside.console.devices.models import Device
from bedside.console.journal.actions import now_ms
from bedside.console.journal.models import JournalRow
from bedside.console.live.assertions import AssertionRefusedError, check_assertion
from bedside.console.live.clockwork import Clockwork
from bedside.console.relays.actions import AssertionTimes, do_use_assertion
from bedside.console.relays.models import Relay, RelayCertificate
from bedside.console.relays.queries import assertion_key, revoked_relays
from bedside.console.wake import listen
from tests.console.live.world import LiveRelay, turn

pytestmark = pytest.mark.django_db
PLACE = {"host": "192.0.2.9", "server_name": "c.example", "port": [443]}
TURN_MS = 16_000


@pytest.fixture
def clockwork(fleet):
    waker = listen("worker-test")
    clockwork = Clockwork(waker)
    yield clockwork
    clockwork._drop()
    clockwork._turn.close()
    waker.close()


@pytest.fixture
def folder(clockwork, tmp_path):
    """Relay c, which runs with the key and certificate of this folder."""
    call_command("add_relay", "c", folder=tmp_path / "c", **PLACE)
    come(tmp_path / "c")
    settle()
    return tmp_path / "c"


def settle():
    """Let no device wait for its next configuration."""
    Device.objects.update(configuration_due=False)


def certificate(folder):
    return x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())


def serial(folder):
    return f"{certificate(folder).serial_number:x}"


def come(folder, **changed):
    """Let the relay ask with what is in its folder; return what it said of itself."""
    relay = LiveRelay("c", ECKey.import_key((folder / "key.pem").read_bytes()))
    ends_s = int(certificate(folder).not_valid_after_utc.timestamp())
    return check_assertion(relay.assertion(**{"crt": ends_s, **changed}), now=now_ms())


def told():
    rows = JournalRow.objects.filter(action="relay:certificate:revoked").order_by("pk")
    return [bytes(row.entry).decode() for row in rows]


def outdated():
    return Device.objects.filter(configuration_due=True).exists()


def new_key(folder):
    call_command("add_relay", "c", folder=folder, new_key=True, **PLACE)


def test_the_old_certificate_is_revoked_once_the_relay_comes_with_its_new_key(
    folder, clockwork, tmp_path
):
    old, now = serial(folder), now_ms()
    new_key(tmp_path / "new")
    turn(clockwork, now)
    # The relay shows the old one still: whoever refused it now could reach nobody there.
    assert (revoked_relays(now=now), told(), outdated()) == ((), [], False)
    with pytest.raises(AssertionRefusedError, match="signature"):
        come(folder)
    turn(clockwork, now + TURN_MS)
    assert revoked_relays(now=now) == ()
    come(tmp_path / "new")
    turn(clockwork, now + 2 * TURN_MS)
    assert revoked_relays(now=now) == (old,)
    assert outdated()
    (entry,) = told()
    assert old in entry
    assert '{"id":"c","kind":"relay"}' in entry


def test_the_new_key_beside_the_old_certificate_revokes_nothing(folder, clockwork, tmp_path):
    """So a relay asserts that read its files while they were copied."""
    old, now = certificate(folder), now_ms()
    ends_ms = int(old.not_valid_after_utc.timestamp()) * 1_000 - 86_400_000
    RelayCertificate.objects.filter(serial=serial(folder)).update(not_after_ms=ends_ms)
    new_key(tmp_path / "new")
    come(tmp_path / "new", crt=ends_ms // 1_000)
    turn(clockwork, now)
    assert (revoked_relays(now=now), told()) == ((), [])
    come(tmp_path / "new")
    turn(clockwork, now + TURN_MS)
    assert revoked_relays(now=now) == (f"{old.serial_number:x}",)


def test_it_is_told_once_and_what_the_relay_shows_stays_good(folder, clockwork, tmp_path):
    old, now = serial(folder), now_ms()
    new_key(tmp_path / "new")
    come(tmp_path / "new")
    turn(clockwork, now)
    settle()
    call_command("add_relay", "c", folder=tmp_path / "new", **PLACE)  # renewed, over the same key
    settle()
    come(tmp_path / "new")
    turn(clockwork, now + TURN_MS)
    assert revoked_relays(now=now) == (old,)
    assert (len(told()), outdated()) == (1, False)


def test_a_key_that_the_relay_never_had_goes_with_the_others(folder, clockwork, tmp_path):
    now, old = now_ms(), {serial(folder)}
    new_key(tmp_path / "lost")
    old.add(serial(tmp_path / "lost"))
    new_key(tmp_path / "new")
    come(tmp_path / "new")
    turn(clockwork, now)
    assert set(revoked_relays(now=now)) == old
    assert len(told()) == 1


def test_a_renewal_over_the_same_key_revokes_nothing(folder, clockwork, tmp_path):
    call_command("add_relay", "c", folder=folder, **PLACE)
    come(folder)
    turn(clockwork, now_ms())
    assert (revoked_relays(now=now_ms()), told()) == ((), [])


def test_an_assertion_by_the_old_key_that_is_noted_late_does_not_count_as_the_new_one(
    folder, clockwork, tmp_path
):
    """It was read before the key was replaced, by another process."""
    before, now = assertion_key("c"), now_ms()
    new_key(tmp_path / "new")
    said = AssertionTimes(now, now + 60_000, certificate_ends_ms=now + 90_000)
    assert do_use_assertion("c", "j" * 16, key=before, said=said, now=now)
    turn(clockwork, now)
    assert revoked_relays(now=now) == ()
    assert Relay.objects.get(pk="c").certificate_ends_ms is None


def test_a_relay_that_does_not_say_what_it_shows_is_left(folder, clockwork, tmp_path):
    new_key(tmp_path / "new")
    come(tmp_path / "new", crt=None)
    turn(clockwork, now_ms())
    assert revoked_relays(now=now_ms()) == ()
