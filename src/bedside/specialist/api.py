"""The console's REST API, as the command line uses it: answers become values, faults sentences."""

import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from bedside.language import N_, Language, gate_advice, gate_sentence, translator
from bedside.language.typography import quoted
from bedside.specialist import repeats
from bedside.specialist.errors import (
    CliError,
    NotFoundError,
    NotLoggedInError,
    RefusedError,
    UnreachableError,
)
from bedside.specialist.reach import check_address, silence_sentence, trust_file
from bedside.specialist.store import Login
from bedside.vocabulary import Gate

__all__ = ["TIMEOUT_S", "Console", "Json"]

Json = dict[str, Any]

TIMEOUT_S = 20.0
"""How long the console may be silent, unless somebody has less patience (seconds)."""
_ON_THE_WAY = (
    httpx.ReadError,
    httpx.ReadTimeout,
    httpx.RemoteProtocolError,
    httpx.WriteError,
    httpx.WriteTimeout,
)
"""Faults of a connection that stood: what was sent may have arrived."""
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Console:
    """One person's line to the console.

    Whatever is posted is done once: it has a name, and is posted again under it when its answer was
    lost, a few times and later each time.

    Args:
        login: where the person is logged in.
        language: in which the person reads.
        wait: waits for some seconds.
        answer_s: how long the console may be silent, seconds.

    Raises:
        BadAddressError: the address is none, or must not be used; no CA is in the login's file.
    """

    def __init__(
        self,
        login: Login,
        *,
        language: Language,
        wait: Callable[[float], None] = time.sleep,
        answer_s: float = TIMEOUT_S,
    ) -> None:
        self._wait = wait
        self._say = translator(language, "bedside-cli")
        self._language = language
        self.address = check_address(login.console, language)
        headers = {"Accept-Language": language.value}
        if login.token:
            headers["Authorization"] = f"Bearer {login.token}"
        verify: ssl.SSLContext | bool = True
        if login.ca is not None:
            verify = trust_file(login.ca, language)
        self._http = httpx.Client(
            base_url=self.address, headers=headers, timeout=answer_s, verify=verify
        )

    def close(self) -> None:
        """Close the line."""
        self._http.close()

    def get(self, path: str, **params: str) -> Json:
        """Return what the console has at `path`; raises CliError."""
        return self._read(self._get(path, **params))

    def post(self, path: str, body: Json) -> Json:
        """Return what the console makes of `body`; raises CliError."""
        return self._read(self._post(path, body))

    def pages(self, path: str, **params: str) -> Iterator[Json]:
        """Yield the items of a list, page after page."""
        cursor: str | None = None
        while True:
            page = self.get(path, **params, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return

    def _read(self, answer: httpx.Response) -> Json:
        if answer.status_code == httpx.codes.NO_CONTENT:
            return {}
        if answer.is_success:
            return self._object(answer)
        raise self._refusal(answer)

    def _get(self, path: str, **params: str) -> httpx.Response:
        try:
            return self._http.get(f"/api/v1{path}", params=params)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _post(self, path: str, body: Json) -> httpx.Response:
        name, tries = {"Idempotency-Key": repeats.new_name()}, 1
        answer = self._try(path, body, name, first=True)
        while _lost(answer):
            wait_s = repeats.wait_after(tries, asked_s=_asked_s(answer))
            if wait_s is None:
                break
            self._wait(wait_s)
            answer = self._try(path, body, name, first=False)
            tries += 1
        if isinstance(answer, httpx.HTTPError):
            raise self._unreachable(answer) from answer
        if repeats.is_of_a_proxy(answer.status_code):
            raise self._unreachable(answer.status_code)
        return answer

    def _try(
        self, path: str, body: Json, name: dict[str, str], *, first: bool
    ) -> httpx.Response | httpx.HTTPError:
        """Return the answer, or the fault that lost it; what never left is unreachable at once."""
        try:
            return self._http.post(f"/api/v1{path}", json=body, headers=name)
        except httpx.HTTPError as error:
            if first and not isinstance(error, _ON_THE_WAY):
                raise self._unreachable(error) from error
            return error

    def _unreachable(self, fault: httpx.HTTPError | int) -> UnreachableError:
        words = self._say(N_("The console does not answer at {console}."))
        return UnreachableError(
            words.format(console=self.address), silence_sentence(fault, self._language)
        )

    def _object(self, answer: httpx.Response) -> Json:
        try:
            read = answer.json()
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise CliError(self._say(N_("The console's answer cannot be read.")))
        return read

    def _refusal(self, answer: httpx.Response) -> CliError:
        problem = self._object(answer)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            if problem.get("code") in ("account_closed", "second_factor"):
                return NotLoggedInError(str(problem.get("title")))
            return NotLoggedInError(
                self._say(N_("You are not logged in. Run: bedside login CONSOLE"))
            )
        if problem.get("code") == "confirmation_needed":
            return NotLoggedInError(
                self._say(N_("Confirm who you are: bedside login")),
                self._say(N_("Then give the command again.")),
            )
        reasons = problem.get("reasons") or []
        if answer.status_code == httpx.codes.FORBIDDEN and reasons:
            return RefusedError(*(self._reason(reason) for reason in reasons))
        kind = NotFoundError if answer.status_code == httpx.codes.NOT_FOUND else CliError
        return kind(str(problem.get("detail") or problem.get("title") or answer.status_code))

    def _reason(self, reason: Json) -> str:
        gate = Gate(reason["gate"])
        sentence = reason.get("sentence") or gate_sentence(gate, self._language)
        advice = reason.get("advice") or gate_advice(gate, self._language)
        whole = self._say(N_("refused by {gate}: {sentence} {advice}"))
        told = whole.format(gate=gate.value, sentence=sentence, advice=advice)
        # In the words of who set it: of a lock, for instance.
        why = reason.get("facts", {}).get("why")
        return f"{told} {quoted(why, self._language)}" if why else told

    # ---- RFC 8628 ----

    def begin_login(self) -> Json:
        """Ask for a device code and a user code (RFC 8628, 3.1)."""
        return self.post("/device-authorization", {"client": "bedside-cli"})

    def await_login(self, begun: Json, *, wait: Callable[[float], None] = time.sleep) -> str:
        """Return the access token once the person has confirmed in the browser (3.4, 3.5)."""
        interval = float(begun["interval"])
        while True:
            wait(interval)
            asked = {"grant_type": DEVICE_GRANT, "device_code": begun["device_code"]}
            answer = self._post("/token", asked)
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


def _lost(answer: httpx.Response | httpx.HTTPError) -> bool:
    if isinstance(answer, httpx.HTTPError):
        return True
    try:
        problem = answer.json() if answer.is_error else {}
    except ValueError:
        problem = {}
    code = problem.get("code", "") if isinstance(problem, dict) else ""
    return repeats.is_lost(answer.status_code, str(code))


def _asked_s(answer: httpx.Response | httpx.HTTPError) -> float:
    if isinstance(answer, httpx.HTTPError):
        return 0.0
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() and len(asked) < 6 else 0.0
