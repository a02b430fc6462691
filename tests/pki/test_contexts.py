"""Real handshakes in memory: each refusal beside its acceptance."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509

from bedside.pki import shown_alone
from bedside.pki.contexts import (
    console_client_context,
    console_server_context,
    device_client_context,
    enrolment_client_context,
    enrolment_server_context,
    relay_server_context,
    specialist_client_context,
)
from bedside.pki.names import peer_name, peer_serial
from bedside.vocabulary import RelayName
from tests.pki.world import authority, key_file, new_key, pem_file
from tests.protocol.samples import DEVICE, SESSION

NAME = "a.relay.example"


@pytest.fixture(scope="module")
def now_ms():
    import time

    return int(time.time() * 1000)


class World:
    """Every certificate as files, and one handshake."""

    def __init__(self, folder, now_ms):
        self.folder = folder
        self.now_ms = now_ms
        self.ca = authority(now_ms).pem
        self.relay = self.files(
            lambda key: authority(now_ms).issue_relay(
                key, RelayName("a"), server_name=NAME, now_ms=now_ms
            )
        )

    def files(self, issue):
        key = new_key()
        issued = issue(key.public_key())
        return pem_file(self.folder, issued.pem), key_file(self.folder, key)

    def device(self, which="ours", **options):
        options = {"now_ms": self.now_ms} | options
        return self.files(
            lambda key: authority(self.now_ms, which).issue_device(key, DEVICE, **options)
        )

    def server(self):
        return relay_server_context(*self.relay, self.ca, server_name=NAME)


@pytest.fixture(scope="module")
def world(tmp_path_factory, now_ms):
    return World(tmp_path_factory.mktemp("tls"), now_ms)


def handshake(client, server, name=NAME):
    """Play a handshake in memory and pass one byte each way; return both ends."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=name)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [near.do_handshake, far.do_handshake]
    for _ in range(10):
        for step in list(waiting):
            try:
                step()
                waiting.remove(step)
            except ssl.SSLWantReadError:
                continue
        if not waiting:
            break
    near.write(b"?")
    assert far.read(1) == b"?"
    far.write(b"!")
    assert near.read(1) == b"!"
    return near, far


def refused(client, server, name=NAME):
    with pytest.raises(ssl.SSLError) as error:
        handshake(client, server, name)
    return error.value.reason


def test_a_device_and_a_relay_know_each_other(world):
    near, far = handshake(device_client_context(*world.device(), world.ca), world.server())
    assert near.version() == far.version() == "TLSv1.3"
    assert near.cipher()[2] >= 128
    assert "GCM" in near.cipher()[0]
    assert peer_name(far.getpeercert()).uri == f"bedside:device/{DEVICE}"
    assert peer_name(near.getpeercert()).uri == "bedside:relay/a"
    assert int(peer_serial(far.getpeercert()), 16) > 2**120
    assert near.selected_alpn_protocol() == "http/1.1"
    assert far.context.num_tickets == 0


@pytest.mark.parametrize("tunnel", [False, True])
def test_a_device_refuses_a_relay_whose_certificate_is_revoked(world, tunnel):
    device, shown = world.device(), x509.load_pem_x509_certificate(world.relay[0].read_bytes())
    revoked = [f"{shown.serial_number:x}", "0ff"]
    client = device_client_context(*device, world.ca, tunnel=tunnel, revoked=revoked)
    with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
        handshake(client, world.server())
    handshake(device_client_context(*device, world.ca, revoked=revoked[1:]), world.server())


def test_a_revoked_certificate_is_refused_over_a_socket_too(world):
    shown = x509.load_pem_x509_certificate(world.relay[0].read_bytes())
    revoked = [f"{shown.serial_number:x}"]
    client = device_client_context(*world.device(), world.ca, revoked=revoked)
    ours, theirs = socket.socketpair()
    with ThreadPoolExecutor() as pool, ours, theirs:
        far = pool.submit(world.server().wrap_socket, theirs, server_side=True)
        with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
            client.wrap_socket(ours, server_hostname=NAME)
        far.result().close()


def shown(end):
    """Return how many certificates the other end of a connection sent."""
    return len(getattr(end, "_sslobj", end).get_unverified_chain())


@pytest.mark.parametrize("tunnel", [False, True])
def test_a_certificate_is_shown_alone(world, tunnel):
    client = device_client_context(*world.device(), world.ca, tunnel=tunnel)
    near, far = handshake(client, world.server())
    assert shown(near) == shown(far) == 1
    near, _ = handshake(
        enrolment_client_context(world.ca),
        enrolment_server_context(*world.relay, server_name=NAME),
        f"enrol.{NAME}",
    )
    assert shown(near) == 1


@pytest.fixture
def unknown_build(monkeypatch):
    """A Python whose objects are not where they are known to be."""
    shown_alone._set_mode.cache_clear()
    monkeypatch.setattr(shown_alone, "_LAID_OUT", frozenset())
    yield
    shown_alone._set_mode.cache_clear()


@pytest.mark.usefixtures("unknown_build")
def test_an_unknown_build_of_python_shows_the_root_too_and_is_served(world):
    assert not shown_alone.show_alone(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    near, far = handshake(device_client_context(*world.device(), world.ca), world.server())
    assert shown(near) == shown(far) == 2
    assert peer_name(far.getpeercert()).uri == f"bedside:device/{DEVICE}"


def test_a_connection_that_waits_needs_no_dictionary(world):
    client = device_client_context(*world.device(), world.ca)
    ours, theirs = socket.socketpair()
    with ThreadPoolExecutor() as pool, ours, theirs:
        far = pool.submit(world.server().wrap_socket, theirs, server_side=True)
        near = client.wrap_socket(ours, server_hostname=NAME)
        assert not vars(far.result())
        near.close()
        far.result().close()


def test_tunnels_say_so_in_the_hello(world):
    session = world.files(
        lambda key: authority(world.now_ms).issue_session(
            key, SESSION, now_ms=world.now_ms, until_ms=world.now_ms + 60_000
        )
    )
    for client in (
        specialist_client_context(*session, world.ca),
        device_client_context(*world.device(), world.ca, tunnel=True),
    ):
        near, _ = handshake(client, world.server())
        assert near.selected_alpn_protocol() == "bedside-tunnel/1"


@pytest.mark.parametrize(
    ("which", "options"),
    [
        ("theirs", {}),
        ("ours", {"days": -1}),
        ("ours", {"now": 3_600_000}),
    ],
)
def test_a_device_of_another_ca_expired_or_not_yet_valid_is_refused(world, which, options):
    if "days" in options:
        certificate = world.device(which, now_ms=world.now_ms - 10 * 86_400_000, days=9)
    else:
        certificate = world.device(which, now_ms=world.now_ms + options.get("now", 0))
    client = device_client_context(*certificate, world.ca)
    assert refused(client, world.server()) == "CERTIFICATE_VERIFY_FAILED"


def test_no_certificate_is_refused_where_one_is_needed(world):
    reason = refused(enrolment_client_context(world.ca), world.server())
    assert reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"


def test_a_server_certificate_does_not_serve_a_client(world):
    client = device_client_context(*world.relay, world.ca)
    assert refused(client, world.server()) == "CERTIFICATE_VERIFY_FAILED"


def test_a_relay_of_another_ca_or_with_a_device_certificate_is_refused(world):
    theirs = world.files(
        lambda key: authority(world.now_ms, "theirs").issue_relay(
            key, RelayName("a"), server_name=NAME, now_ms=world.now_ms
        )
    )
    client = device_client_context(*world.device(), world.ca)
    for certificate in (theirs, world.device()):
        server = relay_server_context(*certificate, world.ca, server_name=NAME)
        assert refused(client, server) == "CERTIFICATE_VERIFY_FAILED"


def test_another_name_is_refused_by_both_ends(world):
    client = device_client_context(*world.device(), world.ca)
    for name in ("b.relay.example", f"enrol.{NAME}", "192.0.2.1"):
        assert refused(client, world.server(), name) is not None
    client.check_hostname = False
    assert refused(client, world.server(), None) is not None
    renamed = relay_server_context(*world.relay, world.ca, server_name="b.relay.example")
    assert refused(
        device_client_context(*world.device(), world.ca), renamed, "b.relay.example"
    ) == ("CERTIFICATE_VERIFY_FAILED")
    handshake(device_client_context(*world.device(), world.ca), world.server(), NAME.upper())


def test_enrolment_is_under_its_own_name_only(world):
    server = enrolment_server_context(*world.relay, server_name=NAME)
    client = enrolment_client_context(world.ca)
    _, far = handshake(client, server, f"enrol.{NAME}")
    assert far.getpeercert() is None
    assert refused(client, server, NAME) is not None


def test_older_tls_is_refused(world):
    server = world.server()
    client = device_client_context(*world.device(), world.ca)
    assert client.minimum_version is ssl.TLSVersion.TLSv1_3
    older = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    older.load_verify_locations(cadata=world.ca)
    older.load_cert_chain(*world.device())
    handshake(older, server)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    assert refused(older, server) is not None
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    bare.load_cert_chain(*world.relay)
    handshake(client, bare)
    bare.maximum_version = ssl.TLSVersion.TLSv1_2
    assert refused(client, bare) is not None


def test_only_the_pinned_ca_is_trusted(world):
    for context in (
        device_client_context(*world.device(), world.ca),
        enrolment_client_context(world.ca),
        console_client_context(world.ca),
        world.server(),
    ):
        assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.verify_flags & ssl.VerifyFlags.VERIFY_X509_STRICT


def test_a_relay_verifies_the_console(world):
    console = world.files(
        lambda key: authority(world.now_ms).issue_console(
            key, server_name="console.example", now_ms=world.now_ms
        )
    )
    server = console_server_context(*console, server_name="console.example")
    client = console_client_context(world.ca)
    near, _ = handshake(client, server, "console.example")
    assert peer_name(near.getpeercert()).uri == "bedside:console/live"
    assert refused(client, server, NAME) is not None
