"""The channel of somebody who joined to watch: the session's terminal goes out, nothing comes in."""

from collections.abc import Callable

import asyncssh

from bedside.agent.ssh import words
from bedside.agent.ssh.context import SessionContext
from bedside.audit.entry import DetailValue

__all__ = ["Watch"]

_LEAVE = (b"\x03", b"\x04")


class Watch:
    """Shows the session's terminal on one channel (`stage.Watcher`).

    Args:
        context: the join; its stage is that of the session that is joined.
        chan: where to show it.
        refused: called when the first key is pressed that reaches nothing.
    """

    def __init__(
        self,
        context: SessionContext,
        chan: asyncssh.SSHServerChannel[bytes],
        refused: Callable[[], None],
    ) -> None:
        self._context = context
        self._grant = context.grant
        self._chan = chan
        self._refused = refused
        self._told_refused = False
        self._paused = False
        self._missed = False
        self._sent = self._ignored = 0

    def start(self) -> None:
        """Show what there is from now on."""
        self._context.stage.watch(self, words.watch_began(self._grant))

    # -- from the stage ----------------------------------------------------------------------------

    def show(self, data: bytes) -> None:
        """Send what the terminal shows, unless the line is too slow for it."""
        if self._paused:
            self._missed = True
            return
        self._send(data)

    def turned(self, size: tuple[int, int] | None) -> None:
        """Say whose terminal is seen from now on."""
        self._send(words.watch_line(size, self._grant).encode())

    def _send(self, data: bytes) -> None:
        if not self._chan.is_closing():
            self._sent += len(data)
            self._context.count_sent(len(data))
            self._chan.write(data)

    # -- from the channel --------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Refuse every key, and say so once; Ctrl-C and Ctrl-D leave."""
        if data in _LEAVE:
            self.connection_lost()
            if not self._chan.is_closing():
                self._chan.exit(0)
            return
        self._ignored += len(data)
        if not self._told_refused:
            self._told_refused = True
            self._refused()
            self._send(words.keys_refused(self._grant).encode())

    def eof_received(self) -> None:
        """Go on showing: whoever sends nothing may still watch."""

    def pause_writing(self) -> None:
        """Leave out what comes now: nobody waits for who only watches."""
        self._paused = True

    def resume_writing(self) -> None:
        """Show again, drawn anew if something was left out."""
        self._paused = False
        if self._missed:
            self._missed = False
            self._context.stage.redraw()

    def connection_lost(self) -> None:
        """Watch no more."""
        self._context.stage.leave(self, words.watch_ended(self._grant))

    def closing_detail(self) -> dict[str, DetailValue]:
        """Return what the journal says of a channel that is over."""
        return {"bytes_sent": self._sent, "bytes_received": self._ignored}
