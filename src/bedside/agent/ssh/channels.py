"""A session channel: ask the plan, journal, run, and report how it ended."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import asyncssh

from bedside.agent.ssh import words
from bedside.agent.ssh.context import SessionContext
from bedside.agent.ssh.helm import Seat
from bedside.agent.ssh.internals import EndpointChannel
from bedside.agent.ssh.keys import IdleKeys
from bedside.agent.ssh.plan import (
    ChannelKind,
    ChannelRequest,
    ControlVerb,
    ControlWish,
    Refusal,
    check_channel,
    may_change,
    parse_wish,
)
from bedside.agent.ssh.process import ChannelProcess, Terminal
from bedside.agent.ssh.sftp import SftpService
from bedside.agent.ssh.watch import Watch
from bedside.audit.entry import DetailValue, short
from bedside.vocabulary import JournalAction, Mode, Outcome

if TYPE_CHECKING:
    from bedside.agent.ssh.server import Visit

__all__ = ["REFUSED_STATUS", "SessionChannel"]

REFUSED_STATUS = 77
"""The exit status of a refused request (EX_NOPERM)."""
_CANNOT_RUN_STATUS = 126


class SessionChannel(asyncssh.SSHServerSession[bytes]):
    """What one session channel asked for, and what serves it."""

    def __init__(self, context: SessionContext, visit: "Visit") -> None:
        self._context = context
        self._visit = visit
        self._chan: EndpointChannel | None = None
        self._terminal: Terminal | None = None
        self._request: ChannelRequest | None = None
        self._service: ChannelProcess | SftpService | Watch | None = None
        self._early: list[bytes] = []
        self._eof = False
        self._opened = False
        self._lost = False
        self._uncut: Callable[[], None] = lambda: None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        """Note the channel."""
        assert isinstance(chan, EndpointChannel)
        self._chan = chan

    # -- requests ----------------------------------------------------------------------------------

    def pty_requested(
        self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Mapping[int, int]
    ) -> bool:
        """Note that a terminal is wanted; it is made when something runs on it."""
        self._terminal = Terminal(term_type, term_size, term_modes)
        return True

    def shell_requested(self) -> bool:
        """Note the request; a refusal is said on the channel, so it is never failed here."""
        return self._note(ChannelRequest(ChannelKind.SHELL))

    def exec_requested(self, command: str) -> bool:
        """Note the request."""
        return self._note(ChannelRequest(ChannelKind.EXEC, command))

    def subsystem_requested(self, subsystem: str) -> bool:
        """Note the request."""
        return self._note(ChannelRequest(ChannelKind.SUBSYSTEM, subsystem))

    def _note(self, request: ChannelRequest) -> bool:
        self._request = request
        return True

    def session_started(self) -> None:
        """Decide, and start what is allowed."""
        assert self._chan is not None
        self._chan.get_connection().create_task(self._start())

    async def _start(self) -> None:
        assert self._request is not None
        assert self._chan is not None
        for notice in self._visit.notices:
            self._chan.write_stderr(notice.encode())
        self._visit.notices.clear()
        turns = self._context.stage.helm.turns
        grant = self._context.grant_now
        decision = check_channel(self._request, grant)
        if decision.refusal is not None:
            self._refuse(decision.refusal)
            return
        await self._context.hooks.record(
            JournalAction.SESSION_CHANNEL_OPENED, outcome=Outcome.SUCCESS, detail=self._detail()
        )
        self._opened = True
        if self._request.kind is ChannelKind.SUBSYSTEM and (wish := parse_wish(self._request.name)):
            await self._obey(wish)
            return
        self._context.hooks.doing(
            self._request.name or str(grant.access), may_change=may_change(self._request, grant)
        )
        if self._request.kind is ChannelKind.SUBSYSTEM:
            self._service = SftpService(self._context, self._chan, grant)
        elif grant.watcher:
            self._watch()
        else:
            await self._run(decision.command)
        self._hold_to(turns)
        self._begin()

    def _hold_to(self, turns: int) -> None:
        """Cut what could change something as soon as control goes elsewhere: now, if it has gone."""
        if self._service is None or isinstance(self._service, Watch) or self._terminal is not None:
            return  # terminals stay: their keys are judged one by one
        helm = self._context.stage.helm
        self._uncut = helm.cut(self._context.seat, self._cut)
        if helm.turns != turns:
            self._cut()

    def _cut(self) -> None:
        self._uncut()
        if self._chan is None or self._service is None or self._chan.is_closing():
            return
        self._say(words.sentence(Refusal.NOT_IN_CONTROL, self._context.grant) + "\r\n")
        self._service.connection_lost()
        self._chan.exit(REFUSED_STATUS)

    # -- control (R10) -----------------------------------------------------------------------------

    async def _obey(self, wish: ControlWish) -> None:
        assert self._chan is not None
        refusal = await self._ask_for(wish)
        if refusal is not None:
            self._refuse(refusal)
        elif not self._chan.is_closing():
            self._chan.write(words.wish_line(wish, self._context.grant).encode())
            self._chan.exit(0)

    async def _ask_for(self, wish: ControlWish) -> Refusal | None:
        stage, seat = self._context.stage, self._context.seat
        if seat is Seat.SITE:
            return Refusal.SITE_WATCHES
        if seat is Seat.STARTED and self._context.grant.mode is Mode.VIEW:
            return Refusal.NOT_IN_CONTROL  # a session for observation has none to hand over or take
        match wish.verb:
            case ControlVerb.HAND:
                return await stage.helm.hand(seat, wish.person, self._record_turn)
            case ControlVerb.TAKE:
                return await stage.helm.take(seat, self._record_turn, watchers=stage.watchers)
            case ControlVerb.GIVE:
                return await stage.helm.give(seat)

    async def _record_turn(self, action: JournalAction, person: str) -> None:
        detail: dict[str, DetailValue] = {"person": person} if person else {}
        await self._context.hooks.record(action, outcome=Outcome.SUCCESS, detail=detail)

    def _idle_keys(self) -> IdleKeys:
        return IdleKeys(take=self._take, refused=self._keys_refused)

    def _take(self) -> None:
        if self._chan is not None:
            self._chan.get_connection().create_task(self._take_or_say())

    async def _take_or_say(self) -> None:
        refusal = await self._ask_for(ControlWish(ControlVerb.TAKE))
        if refusal is not None:
            self._tell(f"\r\n{words.sentence(refusal, self._context.grant)}\r\n")

    def _keys_refused(self) -> None:
        self._visit.journal_refusal(ChannelRequest(ChannelKind.OTHER, "keys"), Refusal.WATCHER)
        self._tell(words.keys_refused(self._context.grant))

    def _tell(self, text: str) -> None:
        if self._chan is not None and not self._chan.is_closing():
            self._chan.write(text.encode())

    def _begin(self) -> None:
        """Catch up with what the client did while this was being opened."""
        if self._service is None or self._chan is None:
            return
        if self._lost:
            self._service.connection_lost()
            return
        for data in self._early:
            self._service.data_received(data)
        self._early.clear()
        self._chan.resume_reading()
        if self._eof:
            self._service.eof_received()

    def _watch(self) -> None:
        assert self._chan is not None
        watch = Watch(self._context, self._chan, self._idle_keys())
        self._service = watch
        if not self._lost:
            watch.start()

    async def _run(self, command: tuple[str, ...]) -> None:
        assert self._chan is not None
        process = ChannelProcess(self._context, self._chan, self._terminal, self._idle_keys())
        try:
            await process.start(command)
        except OSError as error:
            self._say(f"{command[0]}: {error.strerror}\r\n")
            if not self._chan.is_closing():
                self._chan.exit(_CANNOT_RUN_STATUS)
            return
        self._service = process

    def _refuse(self, refusal: Refusal) -> None:
        assert self._request is not None
        assert self._chan is not None
        self._visit.journal_refusal(self._request, refusal)
        self._say(words.sentence(refusal, self._context.grant) + "\r\n")
        if not self._chan.is_closing():
            self._chan.exit(REFUSED_STATUS)

    def _say(self, text: str) -> None:
        if self._chan is not None and not self._chan.is_closing():
            self._chan.write_stderr(text.encode())

    def _detail(self) -> dict[str, DetailValue]:
        assert self._request is not None
        detail: dict[str, DetailValue] = {"channel": str(self._request.kind)}
        if self._request.kind is ChannelKind.EXEC:
            detail["command"] = short(self._request.name)
        elif self._request.name:
            detail["name"] = short(self._request.name)
        return detail

    # -- data ----------------------------------------------------------------------------------------

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Hand bytes to what runs; before it does, the channel waits."""
        del datatype
        self._context.count_received(len(data))
        if self._service is not None:
            self._service.data_received(data)
        elif self._chan is not None:
            self._early.append(data)
            self._chan.pause_reading()

    def eof_received(self) -> bool:
        """Tell what runs that no more comes; output may still follow."""
        self._eof = True
        if self._service is not None:
            self._service.eof_received()
        return True

    def pause_writing(self) -> None:
        """Produce no more for now."""
        if self._service is not None:
            self._service.pause_writing()

    def resume_writing(self) -> None:
        """Produce again."""
        if self._service is not None:
            self._service.resume_writing()

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """Pass on a new window size: the window is its owner's, whoever controls."""
        if self._terminal is not None:
            self._terminal.resize((width, height, pixwidth, pixheight))

    def signal_received(self, signal: str) -> None:
        """Pass on a signal."""
        if isinstance(self._service, ChannelProcess):
            self._service.signal_received(signal)

    def break_received(self, msec: int) -> bool:
        """Refuse a break: no line here has one."""
        del msec
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Hang up what ran, and journal that the channel is over."""
        del exc
        self._lost = True
        self._uncut()
        self._visit.channel_over()
        service = self._service
        if service is not None:
            service.connection_lost()
        if self._opened and self._chan is not None:
            detail = self._detail()
            if service is not None:
                detail |= service.closing_detail()
            self._visit.record_soon(
                JournalAction.SESSION_CHANNEL_CLOSED,
                gate=None,
                outcome=Outcome.SUCCESS,
                detail=detail,
            )
