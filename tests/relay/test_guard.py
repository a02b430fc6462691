from bedside.pki.names import CertificateKind, CertificateName
from bedside.relay.guard import Guard
from bedside.relay.roles import Peer
from bedside.vocabulary import DeviceId, Gate

NAME = CertificateName(CertificateKind.DEVICE, "CI-20417")
SERVED = Peer(NAME, "a1", expires_ms=2_000)


class Door:
    """A clock, and what the console was told."""

    def __init__(self, most=2):
        self.now, self.told, self.refused = 1_000, [], {}
        self.guard = Guard(
            connections_per_device=most,
            clock=lambda: self.now,
            refused=self.refused.get,
            tell=self.told.append,
        )

    def gate(self, peer):
        return self.guard.gate(peer, self.now)


class Connection:
    """What the guard looks at of a link."""

    is_open = True
    address = "192.0.2.7"

    def __init__(self, peer=SERVED):
        self.peer = peer


def test_a_peer_is_served_until_its_certificate_ends():
    door = Door()
    assert door.gate(SERVED) is None
    door.now = 2_000
    assert door.gate(SERVED) is Gate.CERTIFICATE


def test_a_revoked_serial_and_a_refused_device_have_their_gates():
    door = Door()
    door.guard.revoked.add("a1")
    assert door.gate(SERVED) is Gate.REVOKED_CERTIFICATE
    door.refused[DeviceId("CI-20417")] = Gate.DEVICE_CLONED
    assert door.gate(SERVED) is Gate.DEVICE_CLONED
    door.guard.revoked.clear()
    assert door.gate(SERVED) is Gate.DEVICE_CLONED


def test_nobody_and_other_kinds_are_not_served():
    door = Door()
    assert door.gate(Peer(None, "", 9_999)) is Gate.CERTIFICATE
    relay = CertificateName(CertificateKind.RELAY, "a")
    assert door.gate(Peer(relay, "b2", 9_999)) is Gate.CERTIFICATE


def test_connections_of_one_name_are_counted_in_and_out():
    door = Door(most=1)
    first, second = Connection(), Connection()
    assert door.guard.admits(first) is None
    assert door.guard.admits(second) is Gate.LIMIT
    door.guard.left(second)
    door.guard.left(first)
    door.guard.left(Connection(None))
    assert door.guard.admits(Connection()) is None


def test_open_connections_that_are_refused_by_now_are_found():
    door = Door()
    served, newcomer = Connection(), Connection(Peer(None, "", 0))
    other = Connection(Peer(NAME, "b2", 9_999))
    door.guard.revoked.add("a1")
    assert door.guard.to_close([served, newcomer, other]) == [served]


def test_the_same_refusal_is_told_once_a_minute():
    door = Door()
    for _ in range(3):
        door.guard.note(Connection(), Gate.LIMIT)
    door.guard.note(Connection(), Gate.CERTIFICATE)
    door.now += 60_000
    door.guard.note(Connection(), Gate.LIMIT)
    told = [(event.gate, event.device, event.serial) for event in door.told]
    assert told == [
        (Gate.LIMIT, "CI-20417", "a1"),
        (Gate.CERTIFICATE, "CI-20417", "a1"),
        (Gate.LIMIT, "CI-20417", "a1"),
    ]
    assert door.guard.counts[Gate.LIMIT] == 4


def test_what_is_open_closes_when_its_device_is_refused_or_its_certificate_has_run_out():
    door = Door()
    other = Peer(CertificateName(CertificateKind.DEVICE, "CI-20418"), "b2", expires_ms=3_000)
    mine, theirs = Connection(), Connection(other)
    assert door.guard.to_close([mine, theirs]) == []
    door.refused[DeviceId("CI-20418")] = Gate.DEVICE_CLONED
    assert door.guard.to_close([mine, theirs]) == [theirs]
    door.now = 2_000
    assert door.guard.to_close([mine, theirs]) == [mine, theirs]


def test_a_name_that_is_barred_is_refused_for_its_time_and_no_other_is():
    door = Door()
    other = Peer(CertificateName(CertificateKind.DEVICE, "CI-20418"), "b2", expires_ms=3_000)
    door.guard.bar(Connection(), 500)
    assert door.gate(SERVED) is Gate.LIMIT
    assert door.gate(other) is None
    assert [event.gate for event in door.told] == [Gate.LIMIT]
    door.now += 500
    assert door.gate(SERVED) is None
    door.guard.bar(Connection(None), 500)
