"""The channel of somebody who joined: the session's terminal goes out, and nothing comes in.

While they control (R10) their keys go to that terminal.
"""

import asyncssh

from bedside.agent.ssh import words
from bedside.agent.ssh.context import SessionContext
from bedside.agent.ssh.keys import IdleKeys
from bedside.audit.entry import DetailValue

__all__ = ["Watch"]

_LEAVE = (b"\x03", b"\x04")


class Watch:
    """Shows the session's terminal on one channel (`stage.Watcher`).

    Args:
        context: the join; its stage is that of the session that is joined.
        chan: where to show it.
        keys: gets the keys that reach nothing.
    """

    def __init__(
        self,
        context: SessionContext,
        chan: asyncssh.SSHServerChannel[bytes],
        keys: IdleKeys,
    ) -> None:
        self._context = context
        self._grant = context.grant
        self._chan = chan
        self._keys = keys
        self._paused = False
        self._missed = False
        self._sent = self._received = 0

    def start(self) -> None:
        """Show what there is from now on."""
        began = words.watch_began(self._grant)
        self._context.stage.watch(self, began, seat=self._context.seat)

    # -- from the stage ----------------------------------------------------------------------------

    def show(self, data: bytes) -> None:
        """Send what the terminal shows, unless the line is too slow for it."""
        if self._paused:
            self._missed = True
            return
        self._send(data)

    def turned(self, size: tuple[int, int] | None) -> None:
        """Say whose terminal is seen from now on."""
        self.say(words.watch_line(size, self._grant))

    def say(self, text: str) -> None:
        """Show a line."""
        self._send(text.encode())

    def _send(self, data: bytes) -> None:
        if not self._chan.is_closing():
            self._sent += len(data)
            self._context.count_sent(len(data))
            self._chan.write(data)

    # -- from the channel --------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Hand keys to the terminal, or to `keys`; Ctrl-C and Ctrl-D leave whoever only watches."""
        self._received += len(data)
        if self._context.controls:
            self._context.stage.type(data, self._press)
        elif data in _LEAVE:
            self.connection_lost()
            if not self._chan.is_closing():
                self._chan.exit(0)
        else:
            self._keys.pressed(data)

    def _press(self, pressed: bool) -> None:  # noqa: FBT001
        if self._chan.is_closing():
            return
        if pressed:
            self._chan.pause_reading()
        else:
            self._chan.resume_reading()

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
        return {"bytes_sent": self._sent, "bytes_received": self._received}
