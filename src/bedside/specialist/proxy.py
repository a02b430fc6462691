"""`ProxyCommand` for OpenSSH: standard input and output on one side, the tunnel on the other.

Run as `python -m bedside.specialist.proxy FOLDER`; the folder is a session's. What goes through
is SSH's ciphertext; this program has nothing to say but what a tunnel waits for, why it did not open
or was cut: lines on standard error. For a shared connection OpenSSH leads that nowhere: then what is
waited for goes to the person's terminal, and why it did not open to `ssh` itself (`farewell`).

A signal ends this program at once; so does the end of `ssh`, also while the console is asked.
"""

import contextlib
import os
import select
import selectors
import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.language import N_, Language, gate_advice, gate_sentence, translator
from bedside.language.typography import minute_text
from bedside.pki.contexts import specialist_client_context
from bedside.specialist.dial import (
    DialError,
    ExpiredError,
    Leg,
    MovedError,
    TunnelRefusedError,
    answers,
    dial,
)
from bedside.specialist.errors import ExitCode, KeyRefusedError
from bedside.specialist.farewell import say_farewell
from bedside.specialist.store import SessionFolder
from bedside.specialist.whereabouts import Whereabouts
from bedside.vocabulary import Gate

if TYPE_CHECKING:
    from bedside.specialist.api import Console

__all__ = ["main", "pump", "tell", "waiting"]

CHUNK = 256 * 1024
_SILENT_S = 1.0
_HOPS = 4
"""At how many relays a device is looked for; each costs some of the session's proofs."""
_GONE_S = 8.0
_THERE_S = 3.0
"""How long to look for the reason why a tunnel was cut, all in all (seconds), by whether the relay is
gone or there: one that stops tells the console at once, a device may look for its relay for some
seconds first."""


class _Side:
    """One direction: bytes read here that still have to be written there."""

    def __init__(self) -> None:
        self.pending = b""
        self.ended = False


def pump(leg: Leg, *, source: int, sink: int) -> None:
    """Carry bytes both ways until either side ends; `source` and `sink` are file descriptors."""
    line, inward, outward = leg.socket, _Side(), _Side()
    inward.pending = leg.early
    line.setblocking(False)
    os.set_blocking(source, False)
    with selectors.DefaultSelector() as waiting:
        waiting.register(line, selectors.EVENT_READ)
        reading = _try_register(waiting, source)
        while not (inward.ended or (outward.ended and not outward.pending)):
            _write_out(sink, inward)
            _write_line(line, outward)
            progress = _read_line(line, inward)
            # While the relay is slow, what ssh writes waits in ssh.
            if not outward.pending and not outward.ended:
                progress |= _read_source(source, outward)
            if progress:
                continue
            waiting.modify(line, _interest(outward))
            _pause(waiting, source, paused=bool(outward.pending) or not reading)
            waiting.select(None if reading else 0.01)
        _write_out(sink, inward)


def _interest(outward: _Side) -> int:
    return selectors.EVENT_READ | (selectors.EVENT_WRITE if outward.pending else 0)


def _try_register(waiting: selectors.BaseSelector, source: int) -> bool:
    try:
        waiting.register(source, selectors.EVENT_READ)
    except PermissionError:
        # A plain file is always readable and cannot be waited for.
        return False
    return True


def _pause(waiting: selectors.BaseSelector, source: int, *, paused: bool) -> None:
    registered = source in waiting.get_map()
    if paused and registered:
        waiting.unregister(source)
    elif not paused and not registered:
        waiting.register(source, selectors.EVENT_READ)


def _read_line(line: ssl.SSLSocket, inward: _Side) -> bool:
    try:
        data = line.recv(CHUNK)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return False
    except OSError:
        data = b""
    inward.pending += data
    inward.ended = not data
    return True


def _write_line(line: ssl.SSLSocket, outward: _Side) -> None:
    while outward.pending:
        try:
            sent = line.send(outward.pending[:CHUNK])
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            outward.ended, outward.pending = True, b""
            return
        outward.pending = outward.pending[sent:]


def _read_source(source: int, outward: _Side) -> bool:
    try:
        data = os.read(source, CHUNK)
    except BlockingIOError:
        return False
    outward.pending += data
    outward.ended = not data
    return True


def _write_out(sink: int, inward: _Side) -> None:
    # ssh always reads its proxy: this never waits for long, and keeps the order of bytes simple.
    while inward.pending:
        try:
            written = os.write(sink, inward.pending)
        except BlockingIOError:
            # Where ssh gave one socket for both, it stopped blocking along with the source.
            select.select([], [sink], [])
            continue
        inward.pending = inward.pending[written:]


def _is_heard() -> bool:
    """Whether standard error leads anywhere."""
    nowhere = os.stat(os.devnull).st_rdev  # noqa: PTH116 - beside fstat
    return os.fstat(sys.stderr.fileno()).st_rdev != nowhere


def tell(text: str) -> None:
    """Write a line for the person: to standard error, or to the terminal where that is `/dev/null`."""
    if _is_heard():
        print(f"bedside: {text}", file=sys.stderr)
        return
    with contextlib.suppress(OSError):
        terminal = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY)
        # `ssh` may have made the terminal raw: it needs both characters.
        os.write(terminal, f"bedside: {text}\r\n".encode())
        os.close(terminal)


@contextlib.contextmanager
def waiting(folder: SessionFolder, language: Language, where: Whereabouts) -> Iterator[None]:
    """Tell what the session waits for, a line for each new state, while the block lasts.

    A leg that is paired within a second says nothing; nor does this where the console cannot be
    asked: what the relay answers is told in any case. Where the device has come to another relay,
    `where` hears of it.
    """
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(folder, language, where, over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()


def _give_up(text: str, code: ExitCode) -> ExitCode:
    """Say why no tunnel opens, where whoever started `ssh` reads it; returns `code`."""
    if _is_heard():
        tell(text)
    else:
        say_farewell(f"bedside: {text}", source=sys.stdin.fileno(), sink=sys.stdout.fileno())
    return code


def _watch(
    folder: SessionFolder, language: Language, where: Whereabouts, over: threading.Event
) -> None:
    if over.wait(_SILENT_S):
        return
    # Only whoever waits pays for these.
    from bedside.specialist.errors import CliError, KeyRefusedError
    from bedside.specialist.outcome import FOR_GOOD, console_of
    from bedside.specialist.waiting import POLL_S, News

    news = News(language)

    def look(console: "Console") -> None:
        session = console.get(f"/sessions/{folder.session}")
        line = news.line(session, now_ms=int(time.time() * 1000))
        if not over.is_set():
            if line is not None:
                tell(line)
            where.look(console, session)

    with contextlib.suppress(*FOR_GOOD), console_of(language) as console:
        while console is not None and not over.is_set():
            try:
                look(console)
            except KeyRefusedError as error:
                tell(str(error))
                return
            except FOR_GOOD:
                return
            except (CliError, OSError, KeyError, ValueError):
                pass  # it may start anew, or the session be forgotten, at this moment
            over.wait(POLL_S)


def _expired(folder: SessionFolder, language: Language) -> str | None:
    """Return the sentence for a session whose time is over by this computer's clock, else None."""
    expires_s = folder.connection()["expires_ms"] / 1000
    if time.time() < expires_s:
        return None
    words = translator(language, "bedside-cli")(
        N_(
            "This session is over: its time ended at {time}, by this computer's clock. Ask for a new "
            "one: bedside request {device}"
        )
    )
    ended = minute_text(datetime.fromtimestamp(expires_s).astimezone(), language)
    return words.format(time=ended, device=folder.description()["device"])


def _refused(where: Whereabouts, gate: Gate, language: Language) -> ExitCode:
    """Say why the relay refused; of a session that has ended it knows only that nobody came.

    The console has just been asked where the device is, and what it showed tells of an end too.
    """
    from bedside.specialist.outcome import ending_of

    if where.shown is not None and (over := ending_of(where.shown, language)) is not None:
        return _give_up(over, ExitCode.SESSION_OVER)
    told = f"{gate_sentence(gate, language)} {gate_advice(gate, language)}"
    return _give_up(told, ExitCode.REFUSED)


def _cut(
    folder: SessionFolder, language: Language, *, reach: Callable[[], bool], silence: str
) -> ExitCode:
    """Say why the tunnel was cut: its end says nothing of it, and `ssh` only that it is closed."""
    # Nobody whose tunnel opens and ends in order pays for it.
    from bedside.specialist.outcome import Inquiry

    _leave_with_ssh(sys.stdin.fileno())
    until = time.monotonic() + _GONE_S
    console = Inquiry(folder.session, language, within_s=_GONE_S)
    console.begin()
    over = console.answer(within_s=_THERE_S)
    there = over is not None or _in_time(reach, until - time.monotonic())
    if not there:
        over = console.answer(within_s=until - time.monotonic())
    if over is not None:
        tell(over)
        return ExitCode.SESSION_OVER
    if not there:
        tell(silence)
    if console.is_silent:
        tell(_did_not_say(language))
    return ExitCode.DONE if there else ExitCode.UNREACHABLE


def _in_time(question: Callable[[], bool], within_s: float) -> bool:
    """Return what `question` answers, False where it takes longer than so many seconds."""
    over, said = threading.Event(), []

    def ask() -> None:
        said.append(question())
        over.set()

    threading.Thread(target=ask, daemon=True).start()
    over.wait(max(within_s, 0.0))
    return said == [True]


def _did_not_say(language: Language) -> str:
    words = N_(
        "The console did not say in time why this tunnel was cut: see the session's page there."
    )
    return translator(language, "bedside-cli")(words)


def _leave_with_ssh(source: int) -> None:
    """End this program as soon as `ssh` closes `source`: nobody is left to be told anything."""
    os.set_blocking(source, True)

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(source, CHUNK):
                pass
        os._exit(ExitCode.DONE)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: list[str]) -> int:
    """Open one tunnel for the session in the folder `arguments[0]`; returns the exit status."""
    path = Path(arguments[0])
    folder = SessionFolder(path.parent, path.name)
    language = Language(folder.description()["language"])
    where = Whereabouts(folder, language)
    if (sentence := _expired(folder, language)) is not None:
        return _give_up(sentence, ExitCode.SESSION_OVER)
    try:
        context = specialist_client_context(
            folder.client_certificate, folder.key, folder.ca.read_text("ascii")
        )
        with waiting(folder, language, where):
            leg = _dial(folder, where, context)
    except TunnelRefusedError as error:
        return _refused(where, error.gate, language)
    except KeyRefusedError as error:
        return _give_up(str(error), error.exit_code)
    except ExpiredError:
        return _give_up(_run_out(language), ExitCode.UNREACHABLE)
    except (DialError, OSError):
        return _give_up(_silence(where.connection, language), ExitCode.UNREACHABLE)
    if not _carry(leg):
        return ExitCode.DONE
    return _cut(
        folder,
        language,
        reach=lambda: answers(where.connection, context),
        silence=_silence(where.connection, language),
    )


def _silence(connection: dict[str, Any], language: Language) -> str:
    relay = connection["relay"]
    where = ", ".join(f"{relay['host']}:{port}" for port in relay["ports"])
    return f"{translator(language, 'bedside-cli')(N_('The relay does not answer.'))} ({where})"


def _run_out(language: Language) -> str:
    words = N_(
        "The relay's certificate has run out, by this computer's clock. If the clock is right, tell "
        "whoever runs the relay."
    )
    return translator(language, "bedside-cli")(words)


def _dial(folder: SessionFolder, where: Whereabouts, context: ssl.SSLContext) -> Leg:
    """Return a paired leg, of the relay at which the device is in the end.

    Raises as `dial`, and KeyRefusedError.
    """
    fault: DialError | TunnelRefusedError
    for hop in range(_HOPS):
        try:
            return dial(
                where.read(),
                folder.session,
                context=context,
                next_index=folder.take_proof_index,
                stays=where.stays,
                # The device's new relay may hear of the session a moment later than we do.
                patient=hop > 0,
            )
        except (DialError, TunnelRefusedError) as error:
            fault = error
            if not isinstance(error, MovedError) and not where.ask():
                break
    raise fault


def _carry(leg: Leg) -> bool:
    """Carry bytes until a side ends; returns whether `ssh` is still there."""
    try:
        pump(leg, source=sys.stdin.fileno(), sink=sys.stdout.fileno())
    except BrokenPipeError:
        return False
    finally:
        leg.socket.close()
    return True


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback; who ignores it, still does
    sys.exit(main(sys.argv[1:]))
