import pytest
from cryptography import x509
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bedside.audit.entry import SYSTEM
from bedside.console.enrolment.authority import authority
from bedside.console.journal.actions import now_ms
from bedside.console.live.certificate import live_certificate
from bedside.console.live.relay_folder import RelayPlace, do_make_relay_folder, do_renew_relay
from bedside.console.relays.queries import assertion_key, relay
from bedside.pki.device_keys import load_key_file
from bedside.pki.signing import public_key_pem
from bedside.protocol.shapes import Relay
from bedside.relay.config import read_config
from bedside.vocabulary import RelayName

pytestmark = pytest.mark.django_db
DAY = 24 * 3600 * 1000
PLACE = RelayPlace(
    Relay(name=RelayName("c"), host="192.0.2.9", server_name="c.example", ports=(443, 17001)),
    ("0.0.0.0:443", "0.0.0.0:17001"),
)


def test_a_relay_starts_from_what_it_is_handed(world, tmp_path):
    file = do_make_relay_folder(PLACE, tmp_path / "c", actor=SYSTEM, now=now_ms())
    config = read_config(file)
    assert (config.name, config.server_name) == ("c", "c.example")
    assert [address.port for address in config.listen] == [443, 17001]
    assert config.console.server_name == "localhost"
    certificate = x509.load_pem_x509_certificate(config.certificate.read_bytes())
    certificate.verify_directly_issued_by(authority().certificate)
    assert relay("c") == PLACE.address
    assert assertion_key("c") == public_key_pem(load_key_file(config.key).public_key())


def test_a_second_time_renews_the_certificate_and_keeps_the_key(world, tmp_path):
    made = []
    for _ in range(2):
        file = do_make_relay_folder(PLACE, tmp_path / "c", actor=SYSTEM, now=now_ms())
        config = read_config(file)
        made.append((config.key.read_bytes(), config.certificate.read_bytes()))
    (key, certificate), (same_key, new_certificate) = made
    assert same_key == key
    assert new_certificate != certificate
    assert (tmp_path / "c").stat().st_mode & 0o077 == 0


def test_what_a_certificate_is_issued_over_is_asked_while_nobody_can_change_it(world, tmp_path):
    """The relay's row is locked first, then read, and what is issued is noted before it is free."""
    made = read_config(do_make_relay_folder(PLACE, tmp_path / "c", actor=SYSTEM, now=now_ms()))
    key = load_key_file(made.key).public_key()
    for issue in (
        lambda: do_renew_relay(RelayName("c"), key, actor=SYSTEM, now=now_ms()),
        lambda: do_make_relay_folder(PLACE, tmp_path / "c", actor=SYSTEM, now=now_ms()),
    ):
        with CaptureQueriesContext(connection) as asked:
            issue()
        said = [each["sql"] for each in asked]
        begun = next(n for n, sql in enumerate(said) if sql.startswith("SAVEPOINT"))
        first = next(n for n, sql in enumerate(said) if '"relays_relay"' in sql)
        assert begun < first
        assert connection.vendor != "postgresql" or said[first].endswith("FOR UPDATE")


def test_the_certificate_of_live_renews_itself_in_time(world):
    now = now_ms()
    certificate, key = live_certificate(now=now)
    first, secret = certificate.read_bytes(), key.read_bytes()
    live_certificate(now=now + 50 * DAY)
    assert certificate.read_bytes() == first
    live_certificate(now=now + 61 * DAY)
    assert certificate.read_bytes() != first
    assert key.read_bytes() == secret
