"""What the console must know leaves as ranges of the journal, signed, then sealed to the console.

A relay that accepted a report has not delivered it: only the console's receipt moves the journal's
cursor, and whatever lies behind the cursor is sent again (by the next worker if need be).
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence

from bedside.agent.dial import DialError, Question, open_connection
from bedside.agent.journal import Journal
from bedside.agent.link import Target
from bedside.agent.proxy import Proxy
from bedside.audit.chain import ChainHead
from bedside.pki.sealing import report_info, seal
from bedside.pki.signing import REPORT, PublicKey, Signer, sign_envelope
from bedside.protocol.orders import MAX_ENTRIES, DeviceReport
from bedside.protocol.poll import ReportRequest
from bedside.protocol.shapes import Relay
from bedside.vocabulary import DeviceId

__all__ = ["Reporter"]

_MAX_BYTES = 64 * 1024
_GATHER_S = 0.1
_RETRY_S = 0.05
_RETRY_LIMIT_S = 30.0


class Reporter:
    """Sends journal news as soon as it is told that there is some.

    Args:
        device: whose journal.
        journal: the journal.
        signer: the device's identity key.
        report_key: the console's, to which reports are sealed.
        relays: the relays of the moment, the preferred one first.
        context: gives the TLS context.
        proxy: the way out, if there is one.
        now_ms: the wall clock.
    """

    def __init__(
        self,
        device: DeviceId,
        journal: Journal,
        *,
        signer: Signer,
        report_key: PublicKey,
        relays: Callable[[], Sequence[Relay]],
        context: Callable[[], ssl.SSLContext],
        proxy: Proxy | None,
        now_ms: Callable[[], int],
    ) -> None:
        self._device = device
        self._journal = journal
        self._signer = signer
        self._report_key = report_key
        self._relays = relays
        self._context = context
        self._proxy = proxy
        self._now_ms = now_ms
        self._sent = journal.acknowledged().size
        self._held: int | None = None
        self._news = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._place = 0
        self._line: Question | None = None
        self._host = ""
        self.quiet = asyncio.Event()
        self.quiet.set()

    def tell(self) -> None:
        """There are new entries; they leave at once."""
        self.quiet.clear()
        self._leave()

    def tell_soon(self) -> None:
        """There are new entries; they leave within a tenth of a second, with what follows till then.

        The entries of a session that opens are five at once: one report, one signature, one receipt.
        """
        self.quiet.clear()
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(_GATHER_S, self._leave)

    def _leave(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._news.set()

    def again(self) -> None:
        """Send from the console's last receipt: what was sent since may be lost."""
        known = self._journal.acknowledged().size
        self._sent = known if self._held is None else self._held
        self.tell()

    def heard(self, head: ChainHead) -> None:
        """The console says how much it holds: one that holds less than it did gets the rest again.

        A console that was brought back from a backup is behind its own receipts. The cursor stays
        where it was: what was acknowledged once may never be missing here.
        """
        if head.size >= self._journal.acknowledged().size:
            self._held = None
        elif self._journal.passes(head):
            goes_on = self._held is not None and head.size > self._held
            self._held = head.size
            if not goes_on:
                self.again()

    async def connect(self) -> None:
        """Open the line before there is news, so that the news needs one way only."""
        if self._line is not None and not self._line.closed:
            return
        relays = self._relays()
        relay = relays[self._place % len(relays)]
        for port in relay.ports:
            target = Target(
                host=relay.host, port=port, server_name=relay.server_name, proxy=self._proxy
            )
            try:
                _, self._line = await open_connection(target, self._context(), Question)
            except DialError:
                continue
            self._host = relay.server_name
            return
        self._place += 1
        raise DialError("no port answers")

    async def run(self) -> None:
        """Send news until cancelled; no relay at all only delays it."""
        pause = _RETRY_S
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                try:
                    await self._send_all()
                    pause = _RETRY_S
                except DialError:
                    self._drop()
                    self._news.set()
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _RETRY_LIMIT_S)
        finally:
            self._drop()

    async def _send_all(self) -> None:
        while (report := self._next_report()) is not None:
            await self.connect()
            assert self._line is not None
            envelope = sign_envelope(report.to_bytes(), REPORT, self._signer)
            sealed = seal(self._report_key, envelope, info=report_info(self._device))
            answer = await self._line.ask(
                "POST",
                "/v1/report",
                self._host,
                content_type="application/json",
                body=ReportRequest(reports=(sealed,)).to_json(),
            )
            if answer.status != 202:
                self._place += 1
                raise DialError(f"status {answer.status}")
            self._sent = report.first + len(report.entries)
        self.quiet.set()

    def _next_report(self) -> DeviceReport | None:
        head = self._journal.head()
        if self._sent >= head.size:
            return None
        lines = self._journal.entries(self._sent, MAX_ENTRIES, max_bytes=_MAX_BYTES)
        return DeviceReport(
            device=self._device,
            first=self._sent,
            entries=tuple(line.decode() for line in lines),
            size=head.size,
            head=head.hash,
            sent_ms=self._now_ms(),
        )

    def _drop(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
