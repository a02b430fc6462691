"""What people's pages and programs listen to: the state of a session, the presence of the fleet.

1. A stream is for whoever is signed in (cookie) or shows a token, and sees what its pages show.
2. Another origin than the console's own is refused, and no other may read an answer.
3. Rights are asked again with every heartbeat: a stream does not outlive the right to it.
4. Each person has a few streams at most, and the process as a whole has a limit.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404

from bedside.console.accounts.models import User
from bedside.console.accounts.queries import user_from_bearer, user_from_cookies
from bedside.console.devices.queries import visible_devices
from bedside.console.live.database import Database
from bedside.console.live.server import Reply
from bedside.console.live.watch import Watch
from bedside.console.relays.queries import DeviceSeen, presences
from bedside.console.service_sessions.queries import access_session, session_view
from bedside.protocol.http import Request
from bedside.vocabulary import Contact, DeviceId, SessionState

__all__ = ["PeopleRoutes"]

_HEARTBEAT_S = 15.0
_GATHER_S = 0.05
_FEW = 200
_STREAMS = 512
_STREAMS_EACH = 8
_OVER = "ended"
_STREAM = {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}


@dataclass(frozen=True)
class Asker:
    """How a request says who asks; looked at again with every heartbeat."""

    cookies: str
    bearer: str

    def user(self) -> User | None:
        """Return the person, None where the request proves nobody (any more)."""
        if self.bearer:
            return user_from_bearer(self.bearer)
        return user_from_cookies(self.cookies) if self.cookies else None


class PeopleRoutes:
    """Answers people with streams of server-sent events."""

    def __init__(self, database: Database, watch: Watch) -> None:
        self._database = database
        self._watch = watch
        self._open: Counter[str] = Counter()

    async def __call__(self, request: Request, _address: str) -> Reply:
        """Answer one request."""
        origin = request.headers.get("origin")
        if origin is not None and origin != _own_origin():  # 2
            return Reply(403)
        reply = await self._route(request)
        return Reply(reply.status, reply.body, {**reply.headers, **_cors(origin)}, reply.stream)

    async def _route(self, request: Request) -> Reply:
        path = urlsplit(request.target).path.rstrip("/")
        words = path.split("/")
        if request.method == "OPTIONS":
            return Reply(204)
        if request.method != "GET":
            return Reply(405)
        asker = _asker(request)
        user = await self._database.run(asker.user)
        if user is None:
            return Reply(401)
        if self._open[user.pk] >= _STREAMS_EACH or self._open.total() >= _STREAMS:  # 4
            return Reply(429, headers={"retry-after": "10"})
        if path == "/live/fleet/events":
            return self._stream(user.pk, self._fleet(asker))
        session = _session_of(words)
        if session is None:
            return Reply(404)
        if request.headers.get("last-event-id") == _OVER:
            return Reply(204)  # it has heard the end: this tells a browser not to come back
        shown = await self._database.run(_session_words, asker, session)
        if shown is None:
            return Reply(404)
        subjects = f"session:{session}", f"device:{shown['device']['id']}"
        return self._stream(user.pk, self._session(asker, session, *subjects))

    def _stream(self, person: str, pieces: AsyncIterator[bytes]) -> Reply:
        async def counted() -> AsyncIterator[bytes]:
            self._open[person] += 1
            try:
                yield b"retry: 2000\n\n"
                async for piece in pieces:
                    yield piece
            finally:
                self._open[person] -= 1
                self._open += Counter()

        return Reply(200, headers=_STREAM, stream=counted())

    async def _session(self, asker: Asker, session: str, *subjects: str) -> AsyncIterator[bytes]:
        # What the device reports moves its session: news of the device is news of it too.
        with self._watch.listen(*subjects) as bell:
            last: dict[str, Any] = {}
            news: set[str] = set()
            while True:
                words = await self._database.run(_session_words, asker, session)  # 3
                if words is None:
                    return
                if words != last or news:
                    last = words
                    over = words["state"] == SessionState.ENDED
                    yield _event("session", words, number=_OVER if over else "")
                    if over:
                        return
                else:
                    yield b": still here\n\n"
                news = await bell.wait(_HEARTBEAT_S)

    async def _fleet(self, asker: Asker) -> AsyncIterator[bytes]:
        with self._watch.listen(Watch.ANY_DEVICE) as bell:
            yield b": listening\n\n"
            while True:
                subjects = await bell.wait(_HEARTBEAT_S)
                if subjects:
                    # What happens within a moment is told together: one query for all of it.
                    subjects |= await bell.wait(_GATHER_S)
                many = Watch.MANY_DEVICES in subjects or len(subjects) > _FEW
                # Whoever shows some of so many asks for these again: no query for what nobody sees.
                devices = set() if many else {each.removeprefix("device:") for each in subjects}
                rows = await self._database.run(_fleet_words, asker, devices)  # 3
                if rows is None:
                    return
                for words in rows:
                    yield _event("device", words)
                if many:
                    yield _event("fleet", {"changed": "many"})
                elif not rows:
                    yield b": still here\n\n"


def _asker(request: Request) -> Asker:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token if scheme.lower() == "bearer" else ""
    return Asker(request.headers.get("cookie", ""), bearer)


def _session_of(words: list[str]) -> str | None:
    match words:
        case ["", "live", "sessions", session, "events"]:
            return session
        case ["", "api", "v1", "sessions", session, "events"]:
            return session
        case _:
            return None


def _session_words(asker: Asker, session: str) -> dict[str, Any] | None:
    user = asker.user()
    if user is None:
        return None
    try:
        access_session(user, session)
        return session_view(session, user.language)
    except (Http404, PermissionDenied, LookupError):
        return None


def _fleet_words(asker: Asker, devices: set[str]) -> list[dict[str, Any]] | None:
    user = asker.user()
    if user is None:
        return None
    visible = visible_devices(user).filter(pk__in=devices).values_list("pk", "state")
    states = dict(visible)
    seen = presences(states)
    return [
        _device_words(pk, state, seen.get(DeviceId(pk))) for pk, state in sorted(states.items())
    ]


def _device_words(device: str, state: str, seen: DeviceSeen | None) -> dict[str, Any]:
    return {
        "device": device,
        "state": state,
        "contact": seen.contact if seen else Contact.NEVER_SEEN,
        "activity": seen.activity if seen else None,
        "relay": seen.relay if seen else None,
        "at_ms": seen.at_ms if seen else None,
        "polled_ms": seen.polled_ms if seen else None,
        "version": seen.version if seen else None,
    }


def _event(name: str, words: dict[str, Any], *, number: str = "") -> bytes:
    data = json.dumps(words, ensure_ascii=False, separators=(",", ":"))
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {name}\ndata: {data}\n\n".encode()


def _own_origin() -> str:
    return str(settings.CONFIG.public_url).rstrip("/")


def _cors(origin: str | None) -> dict[str, str]:
    headers = {"vary": "Origin", "x-content-type-options": "nosniff"}
    if origin is None:
        return headers
    return headers | {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-allow-headers": "authorization",
    }
