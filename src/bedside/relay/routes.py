"""Which request goes where, and whose certificate may ask it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from bedside.protocol.batch import RelayEvent, Report
from bedside.protocol.codec import to_json
from bedside.protocol.errors import ProtocolError
from bedside.protocol.http import Request
from bedside.protocol.poll import parse_poll, parse_report_request, poll_words
from bedside.protocol.tunnel import is_tunnel, parse_tunnel_request
from bedside.relay.connection import HttpConnection
from bedside.relay.guard import Guard
from bedside.relay.owed import Owed
from bedside.relay.pairing import Side
from bedside.relay.polls import Answer, Command, Polls, RefusePoll, Tell
from bedside.relay.tunnels import Tunnels
from bedside.vocabulary import DeviceId, Gate

__all__ = ["Enrolment", "EnrolmentRoutes", "PeerRoutes"]

_REPORT_RETRY_MS = 30_000
_EST = "/.well-known/est/"
_WITHOUT_CERTIFICATE = {
    ("GET", _EST + "cacerts"),
    ("GET", _EST + "csrattrs"),
    ("POST", _EST + "simpleenroll"),
}
_POLL = ("POST", "/v1/poll")
_RENEWAL = ("POST", _EST + "simplereenroll")


class Enrolment(Protocol):
    """Carries EST requests to the console and its answers back."""

    def forward(self, connection: HttpConnection, verb: str, request: Request) -> None:
        """Answer the connection once the console has answered."""


def _route(request: Request) -> tuple[str, str]:
    return request.method, request.target


class EnrolmentRoutes:
    """What a device without a certificate may ask: three verbs of EST (RFC 7030)."""

    def __init__(self, enrolment: Enrolment) -> None:
        self._enrolment = enrolment

    def serve(self, connection: HttpConnection, request: Request) -> None:
        """Forward the three verbs, refuse the rest."""
        if _route(request) in _WITHOUT_CERTIFICATE:
            verb = request.target.removeprefix(_EST)
            self._enrolment.forward(connection, verb, request)
        else:
            connection.fault(404, "not_found")

    def again(self, connection: HttpConnection, piece: bytes) -> bool:
        """Nobody enrols twice on a connection."""
        del connection, piece
        return False

    def departed(self, connection: HttpConnection) -> None:
        """The answer finds the link closed."""


class PeerRoutes:
    """What a device and a session's specialist may ask, each by its own kind of certificate."""

    def __init__(
        self,
        polls: Polls,
        tunnels: Tunnels,
        *,
        guard: Guard,
        owed: Owed,
        enrolment: Enrolment,
        clock: Callable[[], int],
        tell: Callable[[RelayEvent], None],
    ) -> None:
        self._polls = polls
        self._tunnels = tunnels
        self._guard = guard
        self._owed = owed
        self._enrolment = enrolment
        self._clock = clock
        self._tell = tell
        self.polls_answered = 0

    def serve(self, connection: HttpConnection, request: Request) -> None:
        """Find the route; the certificate's kind decides whether it is there at all."""
        peer = connection.link.peer
        gate = self._guard.gate(peer, self._clock()) if peer else Gate.CERTIFICATE
        if peer is None or peer.name is None or gate is not None:
            self.turn_away(connection, gate or Gate.CERTIFICATE)
            return
        try:
            device = peer.device
            if _route(request) == _POLL and device is not None:
                self._poll(connection, device, request.body)
            elif is_tunnel(request):
                asked = parse_tunnel_request(request)
                side = Side.SPECIALIST if device is None else Side.DEVICE
                self._tunnels.arrive(connection, side, asked)
            elif device is not None:
                self._serve_device(connection, device, request)
            else:
                connection.fault(404, "not_found")
        except ProtocolError as error:
            connection.fault(400, error.code)

    def again(self, connection: HttpConnection, piece: bytes) -> bool:
        """Serve a poll that is the device's last one again; False for whatever must be read.

        It is asked of every gate as any other.
        """
        connection.said = said = poll_words(piece)
        peer = connection.link.peer
        if not said or peer is None or peer.device is None:
            return False
        now = self._clock()
        if self._guard.gate(peer, now) is not None:
            return False
        address = connection.link.address
        body = self._polls.again(connection, peer.device, said, address=address, now_ms=now)
        if body is None:
            return False
        if body:
            self.polls_answered += 1
            connection.answer(200, body)
        else:
            connection.begin()
        return True

    def departed(self, connection: HttpConnection) -> None:
        """A held poll's connection closed."""
        peer = connection.link.peer
        if peer and peer.device:
            self._polls.departed(connection, peer.device)

    def turn_away(self, connection: HttpConnection, gate: Gate) -> None:
        """Refuse by a gate, and tell the console."""
        self._guard.note(connection.link, gate)
        connection.refuse(403, gate, self._polls.refused_retry())

    def answer(self, answer: Answer) -> None:
        """Answer a poll."""
        connection, body = answer
        if isinstance(connection, HttpConnection):
            self.polls_answered += 1
            connection.answer(200, body)

    def execute(self, commands: Sequence[Command]) -> None:
        """Do what the polls decided."""
        for command in commands:
            match command:
                case Answer():
                    self.answer(command)
                case RefusePoll(key=HttpConnection() as connection):
                    self._guard.note(connection.link, command.gate)
                    status = 429 if command.gate is Gate.LIMIT else 403
                    connection.refuse(status, command.gate, command.retry_in_ms)
                case Tell():
                    self._tell(command.event)

    def _poll(self, connection: HttpConnection, device: DeviceId, body: bytes) -> None:
        poll = parse_poll(body)
        address = connection.link.address
        now = self._clock()
        self.execute(
            self._polls.poll(
                connection, device, poll, address=address, now_ms=now, said=connection.said
            )
        )

    def _serve_device(self, connection: HttpConnection, device: DeviceId, request: Request) -> None:
        route = _route(request)
        if route == ("POST", "/v1/report"):
            self._take_reports(connection, device, request.body)
        elif route == _RENEWAL:
            self._enrolment.forward(connection, "simplereenroll", request)
        else:
            connection.fault(404, "not_found")

    def _take_reports(self, connection: HttpConnection, device: DeviceId, body: bytes) -> None:
        """Accept all of them or none: 202 is a promise that they are on the disk."""
        now = self._clock()
        sealed = parse_report_request(body).reports
        reports = [Report(device=device, sealed=each, at_ms=now) for each in sealed]

        def answer(promised: bool) -> None:  # noqa: FBT001  # the disk's whole answer
            if promised:
                connection.answer(202, to_json({"v": 1, "accepted": len(reports)}))
            else:
                connection.refuse(503, Gate.LIMIT, _REPORT_RETRY_MS)

        self._owed.promise(reports, answer)
