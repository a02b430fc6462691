"""The console's REST API, as the command line uses it: answers become values, faults sentences."""

import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from bedside.language import N_, Language, gate_advice, gate_sentence, translator
from bedside.specialist.errors import CliError, NotLoggedInError, RefusedError, UnreachableError
from bedside.specialist.store import Login
from bedside.vocabulary import Gate

__all__ = ["Console", "Json"]

Json = dict[str, Any]

TIMEOUT_S = 20.0
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Console:
    """One person's line to the console."""

    def __init__(self, login: Login, *, language: Language) -> None:
        self._say = translator(language, "bedside-cli")
        self._language = language
        self.address = login.console
        headers = {"Accept-Language": language.value}
        if login.token:
            headers["Authorization"] = f"Bearer {login.token}"
        verify: ssl.SSLContext | bool = True
        if login.ca is not None:
            verify = ssl.create_default_context(cafile=login.ca)
        self._http = httpx.Client(
            base_url=login.console, headers=headers, timeout=TIMEOUT_S, verify=verify
        )

    def close(self) -> None:
        """Close the line."""
        self._http.close()

    def get(self, path: str, **params: str) -> Json:
        """Return what the console has at `path`; raises CliError."""
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: Json) -> Json:
        """Return what the console makes of `body`; raises CliError."""
        return self._ask("POST", path, json=body)

    def pages(self, path: str, **params: str) -> Iterator[Json]:
        """Yield the items of a list, page after page."""
        cursor: str | None = None
        while True:
            page = self.get(path, **params, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return

    def _ask(self, method: str, path: str, **options: Any) -> Json:
        answer = self._send(method, path, **options)
        if answer.status_code == httpx.codes.NO_CONTENT:
            return {}
        if answer.is_success:
            return self._object(answer)
        raise self._refusal(answer)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, f"/api/v1{path}", **options)
        except httpx.HTTPError as error:
            raise UnreachableError(
                self._say(N_("The console does not answer at {console}.")).format(
                    console=self._http.base_url
                ),
                str(error),
            ) from error

    def _object(self, answer: httpx.Response) -> Json:
        try:
            read = answer.json()
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise CliError(self._say(N_("The console's answer cannot be read.")))
        return read

    def _refusal(self, answer: httpx.Response) -> CliError:
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            return NotLoggedInError(
                self._say(N_("You are not logged in. Run: bedside login CONSOLE"))
            )
        problem = self._object(answer)
        reasons = problem.get("reasons") or []
        if answer.status_code == httpx.codes.FORBIDDEN and reasons:
            return RefusedError(*(self._reason(reason) for reason in reasons))
        return CliError(str(problem.get("detail") or problem.get("title") or answer.status_code))

    def _reason(self, reason: Json) -> str:
        gate = Gate(reason["gate"])
        sentence = reason.get("sentence") or gate_sentence(gate, self._language)
        advice = reason.get("advice") or gate_advice(gate, self._language)
        whole = self._say(N_("refused by {gate}: {sentence} {advice}"))
        return whole.format(gate=gate.value, sentence=sentence, advice=advice)

    # ---- RFC 8628 ----

    def begin_login(self) -> Json:
        """Ask for a device code and a user code (RFC 8628, 3.1)."""
        return self.post("/device-authorization", {"client": "bedside-cli"})

    def await_login(self, begun: Json, *, wait: Callable[[float], None] = time.sleep) -> str:
        """Return the access token once the person has confirmed in the browser (3.4, 3.5)."""
        interval = float(begun["interval"])
        while True:
            wait(interval)
            answer = self._send(
                "POST",
                "/token",
                json={"grant_type": DEVICE_GRANT, "device_code": begun["device_code"]},
            )
            read = self._object(answer)
            if answer.is_success:
                return str(read["access_token"])
            match read.get("error"):
                case "authorization_pending":
                    continue
                case "slow_down":
                    interval += 5.0
                case "access_denied":
                    raise NotLoggedInError(self._say(N_("The login was refused in the browser.")))
                case _:
                    raise NotLoggedInError(self._say(N_("The login took too long. Try again.")))
