"""The TLS of tunnels asks for what the TLS of polls asks for, and says what it says."""

import contextlib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest

from bedside.pki.contexts import device_client_context, enrolment_client_context
from bedside.pki.names import peer_name, peer_serial
from bedside.pki.tunnel_context import relay_tunnel_context
from bedside.relay.tunnel_tls import TunnelTls
from bedside.testing.certificates import PocketAuthority
from tests.relay.world import DEVICE, NAME


class World:
    """One relay's certificate, and handshakes with it over a pair of sockets."""

    def __init__(self, folder, after):
        self.after = after
        self.authority = PocketAuthority(folder)
        self.relay = self.authority.relay("a", NAME)
        self.context = relay_tunnel_context(
            self.relay.certificate, self.relay.key, self.authority.ca
        )

    def client(self, of=None):
        of = of or self.authority.device(DEVICE)
        return device_client_context(of.certificate, of.key, self.authority.ca, tunnel=True)

    def shake(self, client, *, name=NAME, answers_to=NAME):
        """Return both ends after a handshake; raises what the relay's end raised."""
        near, far = socket.socketpair()
        tls = TunnelTls(far, self.context, server_name=answers_to)
        with ThreadPoolExecutor() as pool:
            connecting = pool.submit(client.wrap_socket, near, server_hostname=name)
            try:
                tls.do_handshake()
            except OSError:
                far.shutdown(socket.SHUT_RDWR)
                with contextlib.suppress(OSError):
                    connecting.result().close()
                near.close()
                raise
            finally:
                self.after.callback(far.close)
            self.after.callback(connecting.result().close)
            return connecting.result(), tls

    def refused(self, client, **changes):
        with pytest.raises(ssl.SSLError) as error:
            self.shake(client, **changes)
        return error.value.reason


@pytest.fixture
def world(tmp_path):
    with contextlib.ExitStack() as after:
        yield World(tmp_path, after)


@pytest.mark.parametrize(("serial", "days"), [(0x7F, 1), (0xABC, 9), (2**159 - 1, 89)])
def test_it_describes_a_certificate_as_ssl_does(world, serial, days):
    mine = world.authority.device(DEVICE, days=(-1, days), serial=serial)
    near, far = world.shake(world.client(mine))
    assert near.version() == "TLSv1.3"
    assert near.selected_alpn_protocol() == "bedside-tunnel/1"
    theirs = ssl._ssl._test_decode_cert(str(mine.certificate))
    said = far.getpeercert()
    assert said == {each: theirs[each] for each in said}
    assert peer_name(said).uri == f"bedside:device/{DEVICE}"
    assert peer_serial(said) == mine.serial


def test_it_shows_its_certificate_alone(world):
    near, far = world.shake(world.client())
    assert len(near._sslobj.get_unverified_chain()) == 1
    far.close()


def test_bytes_cross_and_a_goodbye_is_not_a_broken_line(world):
    room = memoryview(bytearray(16 * 1024))
    near, far = world.shake(world.client())
    near.send(b"?" * 20_000)
    assert [far.read(len(room), room), far.read(len(room), room)] == [16_384, 3_616]
    assert far.write(memoryview(b"!")) == 1
    assert near.recv(2) == b"!"
    near.setblocking(False)
    with pytest.raises(ssl.SSLWantReadError):
        near.unwrap()
    assert far.read(len(room), room) == 0
    near, far = world.shake(world.client())
    near.close()
    with pytest.raises(ConnectionError):
        far.read(len(room), room)


def test_whoever_shows_no_certificate_or_a_wrong_one_is_refused_by_name(world):
    nobody = enrolment_client_context(world.authority.ca)
    nobody.set_alpn_protocols(["bedside-tunnel/1"])
    assert world.refused(nobody) == "peer did not return a certificate"
    other = PocketAuthority(world.authority.folder / "other").device(DEVICE)
    assert world.refused(world.client(other)) == "unable to get local issuer certificate"
    stale = world.authority.device(DEVICE, days=(-9, -1))
    assert world.refused(world.client(stale)) == "certificate has expired"
    assert "purpose" in world.refused(world.client(world.relay))
    world.shake(world.client())


def test_a_certificate_that_the_strict_rules_refuse_is_refused(world):
    lax = world.authority.issue(f"bedside:device/{DEVICE}", names_its_issuer=False)
    assert "Authority Key Identifier" in world.refused(world.client(lax))


def test_another_name_is_refused(world):
    assert world.refused(world.client(), answers_to="relay-b.example") == "unrecognized name"
    unasked = world.client()
    unasked.check_hostname = False
    assert world.refused(unasked, name=None) == "unrecognized name"
    world.shake(world.client(), name=NAME.upper())


def test_tls_1_2_is_refused(world):
    old = world.client()
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert world.refused(old) == "unsupported protocol"


def test_nothing_is_resumed(world):
    client = world.client()
    near, far = world.shake(client)
    far.write(memoryview(b"!"))
    near.recv(1)
    near_again, far_again = socket.socketpair()
    tls = TunnelTls(far_again, world.context, server_name=NAME)
    with ThreadPoolExecutor() as pool, near_again, far_again:
        again = pool.submit(
            client.wrap_socket, near_again, server_hostname=NAME, session=near.session
        )
        tls.do_handshake()
        with again.result() as resumed:
            assert resumed.session_reused is False
