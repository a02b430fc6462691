"""How this relay asks the console: one question at a time, each with a proof of its own (`proofs`)."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bedside.protocol.http import Response, request
from bedside.relay.console_line import ConsoleError, ConsoleLine, ConsolePlace
from bedside.relay.proofs import Assertions, ProofAhead
from bedside.relay.roles import Driver

__all__ = ["ConsoleIdentity", "HttpClient", "Question"]


@dataclass(frozen=True, slots=True)
class ConsoleIdentity:
    """Whom the console must prove to be, and how this relay proves itself."""

    context: ssl.SSLContext
    assertions: Assertions


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask, and how long the answer may take."""

    target: str
    timeout_s: float


class HttpClient:
    """One keep-alive connection to the console; a broken one is replaced at the next request.

    Args:
        place: where the console is.
        identity: gives the identity of the moment; a connection that is open stays.
        driver: whose loop reads the connection.
    """

    def __init__(
        self, place: ConsolePlace, identity: Callable[[], ConsoleIdentity], driver: Driver
    ) -> None:
        self._place = place
        self._identity = identity
        self._driver = driver
        self._line: ConsoleLine | None = None

    async def ask(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> Response:
        """Return the console's answer, whatever its status; raises ConsoleError."""
        answered: asyncio.Future[Response] = self._driver.loop.create_future()

        def heard(answer: Response | OSError) -> None:
            if answered.done():
                return
            if isinstance(answer, OSError):
                answered.set_exception(answer)
            else:
                answered.set_result(answer)

        try:
            async with asyncio.timeout(timeout_s):
                line = await self._open()
                proof = self._identity().assertions.header()
                sent = self._request(method, target, {**proof, **(headers or {})}, body)
                line.ask(sent, heard, timeout_s=timeout_s)
                answer = await answered
        except (OSError, TimeoutError) as error:
            self.close()
            raise _no_answer(error) from error
        except BaseException:
            self.close()
            raise
        if line.is_lost:
            self.close()
        return answer

    async def follow(
        self, ask_next: Callable[[], Question], hear: Callable[[Response], None]
    ) -> None:
        """Ask one question after another; `hear` has each answer where it arrives, before anybody else.

        Returns where the console lets the connection go. Raises ConsoleError, and what `hear` raises.
        """
        over: asyncio.Future[None] = self._driver.loop.create_future()
        proofs = ProofAhead(lambda: self._identity().assertions, self._driver.loop)

        def ask(line: ConsoleLine) -> None:
            question = ask_next()
            sent = self._request("GET", question.target, proofs.take())
            line.ask(sent, heard, timeout_s=question.timeout_s)

        def heard(answer: Response | OSError) -> None:
            if over.done():
                return
            try:
                if isinstance(answer, OSError):
                    raise _no_answer(answer)
                hear(answer)
                if line.is_lost:
                    over.set_result(None)
                else:
                    ask(line)
            except Exception as error:  # noqa: BLE001  # it is whoever follows that is told
                over.set_exception(error)

        try:
            async with asyncio.timeout(ask_next().timeout_s):
                line = await self._open()
        except (OSError, TimeoutError) as error:
            self.close()
            raise _no_answer(error) from error
        try:
            ask(line)
            await over
        finally:
            proofs.close()
            self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._line is not None:
            self._line.close()
            self._line = None

    async def _open(self) -> ConsoleLine:
        if self._line is None or self._line.is_lost:
            self.close()
            self._line = ConsoleLine(self._driver)
            await self._line.open(self._place, self._identity().context)
        return self._line

    def _request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> bytes:
        host = f"{self._place.server_name}:{self._place.port}"
        return request(method, target, host, headers, body)


def _no_answer(error: OSError | TimeoutError) -> ConsoleError:
    if isinstance(error, ConsoleError):
        return error
    return ConsoleError(f"{type(error).__name__}: {error}")
