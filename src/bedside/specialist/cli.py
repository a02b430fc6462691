"""`bedside`: the specialist's command line. Log in, ask, connect with plain `ssh`, end."""

import os
import subprocess
import sys
import webbrowser
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console as Terminal
from rich.table import Table

from bedside.language import (
    N_,
    access_name,
    contact_name,
    ending_sentence,
    mode_name,
    state_sentence,
    translator,
)
from bedside.language.typography import minute_text
from bedside.specialist import opening, ssh_config, trust_cli
from bedside.specialist.api import Console, Json
from bedside.specialist.audit_cli import audit_app
from bedside.specialist.commands import HouseCommand, HouseGroup, run
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.control_cli import control_app
from bedside.specialist.errors import (
    CliError,
    KeyRefusedError,
    NotLoggedInError,
    SessionOverError,
    UnreachableError,
)
from bedside.specialist.lately import no_session, over_sentences
from bedside.specialist.store import (
    Login,
    SessionFolder,
    folders_of,
    forget_login,
    load_login,
    newest_folder,
    save_login,
    session_folders,
)
from bedside.specialist.waiting import AT_THE_SITE, News, wait_until_open
from bedside.vocabulary import AccessKind, Contact, Ending, Mode, SessionId, SessionState

__all__ = ["Files", "main"]


class Files(StrEnum):
    """Which way files go."""

    IN = "in"
    OUT = "out"


CONFIG = SpecialistConfig.from_environment()
_ = translator(CONFIG.language, "bedside-cli")
OUT = Terminal()
ERR = Terminal(stderr=True)

app = typer.Typer(
    cls=HouseGroup,
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=_(N_("Remote service that opens only from the inside.")),
)
app.add_typer(audit_app, name="audit")
app.add_typer(control_app, name="control")


def _console() -> Console:
    login = load_login(CONFIG.login)
    if login is None:
        raise NotLoggedInError(_(N_("You are not logged in. Run: bedside login CONSOLE")))
    return Console(login, language=CONFIG.language)


def _place(console: str | None, ca: str | None) -> Login:
    """Return where to log in, without a token: what was typed, else where this person logged in last."""
    if console is not None:
        return Login(console, "", ca)
    kept = load_login(CONFIG.login)
    if kept is None:
        raise NotLoggedInError(_(N_("You are not logged in. Run: bedside login CONSOLE")))
    return Login(kept.console, "", ca or kept.ca)


def _time(at_ms: int) -> str:
    return minute_text(datetime.fromtimestamp(at_ms / 1000).astimezone(), CONFIG.language)


@app.command(
    cls=HouseCommand, help=_(N_("Log in with your browser: password, and passkey or code."))
)
def login(
    console: Annotated[
        str | None,
        typer.Argument(help=_(N_("The console's address; left out, that of the last log-in."))),
    ] = None,
    ca: Annotated[
        str | None, typer.Option(help=_(N_("A file with the CA of the console's certificate.")))
    ] = None,
    browser: Annotated[bool, typer.Option(help=_(N_("Open the browser by itself.")))] = True,
) -> None:
    """Log in by the device authorization grant (RFC 8628), so that passkeys work."""
    place = _place(console, ca)
    asking = Console(place, language=CONFIG.language)
    address = asking.address
    begun = asking.begin_login()
    OUT.print(_(N_("Open this page in your browser and confirm the code:")))
    OUT.print(f"  {begun['verification_uri']}", highlight=False)
    OUT.print(f"  [bold]{begun['user_code']}[/bold]", highlight=False)
    if browser:
        webbrowser.open(begun["verification_uri_complete"])
    with OUT.status(_(N_("Waiting for your confirmation in the browser"))):
        token = asking.await_login(begun)
    save_login(CONFIG.login, Login(address, token, place.ca))
    console_ = _console()
    me = console_.get("/me")
    OUT.print("✓ " + _(N_("Logged in as {name}.")).format(name=me["name"]))
    trust_cli.check_host_ca(console_, CONFIG, OUT)


@app.command(cls=HouseCommand, help=_(N_("Log out of the console on this computer.")))
def logout() -> None:
    """Give the token back and forget it."""
    if load_login(CONFIG.login) is not None:
        try:
            _console().post("/token/revoke", {})
        finally:
            forget_login(CONFIG.login)
    OUT.print("✓ " + _(N_("Logged out.")))


@app.command(cls=HouseCommand, help=_(N_("List devices.")))
def devices(
    search: Annotated[str, typer.Argument(help=_(N_("Part of an id, a name or a site.")))] = "",
    limit: Annotated[int, typer.Option(help=_(N_("How many at the most.")), min=1)] = 50,
) -> None:
    """Show the devices that this person may see."""
    table = _table(N_("Device"), N_("Name"), N_("Site"), N_("Product"), N_("Presence"))
    params = {"search": search} if search else {}
    for number, device in enumerate(_console().pages("/devices", **params)):
        if number >= limit:
            break
        table.add_row(
            device["id"],
            device["display_name"],
            device["site"]["name"],
            device["product"]["name"],
            _presence_words(device),
        )
    OUT.print(table)


def _presence_words(device: Json) -> str:
    if device["locked"]:
        return "✖ " + _(N_("locked"))
    contact = Contact(device["contact"])
    shape = "●" if contact is Contact.ONLINE else "○"
    return f"{shape} {contact_name(contact, CONFIG.language)}"


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(names):
        # Ids stay whole: they are copied into the next command.
        table.add_column(_(name), no_wrap=number == 0)
    return table


@app.command(
    cls=HouseCommand, help=_(N_("Ask for access to a device, and wait for the person at it."))
)
def request(
    device: Annotated[str, typer.Argument(help=_(N_("The device's id.")))],
    case: Annotated[str, typer.Option(help=_(N_("The support case.")))],
    reason: Annotated[str, typer.Option(help=_(N_("Why, in words the operator reads.")))],
    access: Annotated[AccessKind, typer.Option(help=_(N_("Which access.")))] = AccessKind.SERVICE,
    mode: Annotated[Mode, typer.Option(help=_(N_("Look, or act.")))] = Mode.VIEW,
    minutes: Annotated[int, typer.Option(help=_(N_("How long at the most.")))] = 30,
    ticket: Annotated[str | None, typer.Option(help=_(N_("The change ticket.")))] = None,
    files: Annotated[
        list[Files] | None,
        typer.Option(
            help=_(N_("Files to the device, or from it, where the site must approve them."))
        ),
    ] = None,
    join: Annotated[
        str | None, typer.Option(help=_(N_("Watch this live session of somebody else.")))
    ] = None,
    wait: Annotated[bool, typer.Option(help=_(N_("Wait until somebody answers.")))] = True,
) -> None:
    """Ask; show what the request waits for; write the configuration for `ssh`."""
    console = _console()
    wanted: Json = {
        "device": device.upper(),
        "access": access.value,
        "mode": mode.value,
        "duration_minutes": minutes,
        "case": case,
        "reason": reason,
    }
    if ticket:
        wanted["ticket"] = ticket
    if files:
        wanted["files"] = sorted({f"files_{way}" for way in files})
    if join:
        try:
            wanted |= opening.joining(console, join)
        except ValueError:
            words = _(N_("{session} is not the id of a session.")).format(session=join)
            raise CliError(words) from None
    _ask(console, wanted, wait=wait)


def _ask(console: Console, wanted: Json, *, wait: bool) -> None:
    _forget_ended()
    session, folder = opening.begin(console, CONFIG, wanted)
    if opening.is_unheard(console, session):
        words = N_(
            "The relay of this device is not heard: the request reaches it once the relay is back, or "
            "the device polls another one. It lapses where nobody answers in time."
        )
        OUT.print(_(words))

    def ready() -> None:
        _tell_first_sight(folder, opening.connect(console, CONFIG, folder), OUT)

    try:
        if not wait:
            # What the site is asked about is connected to by `bedside ssh`, once it has said yes.
            # So is a device that no relay has seen yet.
            if session["state"] not in AT_THE_SITE and session["relay"]:
                ready()
            OUT.print(_(N_("Asked. Session {session}.")).format(session=session["id"]))
            return
        wait_until_open(console, session, terminal=OUT, language=CONFIG.language, ordered=ready)
    except KeyRefusedError:
        # Nobody should be let in on a key that is not believed.
        console.post(f"/sessions/{session['id']}/end", {})
        opening.close(CONFIG, folder)
        raise
    except CliError as error:
        # A console that is silent now does not end a session that can be connected to.
        if isinstance(error, SessionOverError) or not folder.is_connected:
            opening.close(CONFIG, folder)
        raise
    except KeyboardInterrupt:
        console.post(f"/sessions/{session['id']}/end", {})
        opening.close(CONFIG, folder)
        raise CliError(_(N_("You withdrew the request."))) from None
    _say_ready(wanted["device"])


@app.command(
    cls=HouseCommand,
    help=_(N_("Watch a live session at your own site: see its terminal, reach nothing.")),
)
def watch(
    which: Annotated[str, typer.Argument(help=_(N_("A session's or a device's id.")))],
    reason: Annotated[str, typer.Option(help=_(N_("Why, in words the operator reads.")))] = _(
        N_("The site watches.")
    ),
    minutes: Annotated[int, typer.Option(help=_(N_("How long at the most.")))] = 30,
    ticket: Annotated[str | None, typer.Option(help=_(N_("The change ticket.")))] = None,
    wait: Annotated[bool, typer.Option(help=_(N_("Wait until somebody answers.")))] = True,
) -> None:
    """Ask to join as somebody of the site, with the case and ticket of that session (R18)."""
    console = _console()
    try:
        host = opening.find_live(console, which)
    except ValueError:
        words = _(N_("{session} is not the id of a session.")).format(session=which)
        raise CliError(words) from None
    if host is None:
        words = _(N_("Nobody is in a session on {device} now."))
        raise CliError(words.format(device=which.upper()))
    wanted: Json = {
        "device": host["device"]["id"],
        "access": AccessKind(host["access"]).value,
        "mode": Mode.VIEW.value,
        "duration_minutes": minutes,
        "case": host["case"],
        "reason": reason,
        "joins": host["id"],
    }
    if ticket or host["ticket"]:
        wanted["ticket"] = ticket or host["ticket"]
    _ask(console, wanted, wait=wait)


def _tell_first_sight(folder: SessionFolder, fingerprint: str | None, terminal: Terminal) -> None:
    if fingerprint is not None:
        trust_cli.say_first_sight(folder.description()["device"], fingerprint, terminal)


def _say_ready(device: str) -> None:
    host = ssh_config.host_of(device)
    OUT.print(
        "✓ " + _(N_("Allowed at the device. Connect with: bedside ssh {host}")).format(host=host)
    )


@app.command(cls=HouseCommand, help=_(N_("List sessions.")))
def sessions(
    everything: Annotated[bool, typer.Option("--all", help=_(N_("Ended ones too.")))] = False,
    limit: Annotated[int, typer.Option(help=_(N_("How many at the most.")), min=1)] = 50,
) -> None:
    """Show sessions, newest first."""
    table = _table(
        N_("Session"), N_("Device"), N_("Who"), N_("Access"), N_("State"), N_("Asked at")
    )
    params = {} if everything else {"open": "true"}
    for number, session in enumerate(_console().pages("/sessions", **params)):
        if number >= limit:
            break
        table.add_row(
            session["id"],
            session["device"]["id"],
            session["person"]["name"],
            f"{access_name(AccessKind(session['access']), CONFIG.language)}, "
            f"{mode_name(Mode(session['mode']), CONFIG.language)}",
            _state_words(session),
            _time(session["requested_ms"]),
        )
    OUT.print(table)


def _state_words(session: Json) -> str:
    if session["state"] == SessionState.ENDED:
        return ending_sentence(Ending(session["ending"]), CONFIG.language)
    return state_sentence(SessionState(session["state"]), CONFIG.language)


def _no_session(device: str) -> CliError:
    return no_session(device, _console, CONFIG.language)


def _open_newest(device: str) -> None:
    """Connect the newest live session for `device` on this computer, where it is not yet."""
    folder = newest_folder(CONFIG.sessions, device)
    if folder is None:
        raise _no_session(device)
    try:
        console = _console()
        folder, session = _newest_live(console, device)
        session = _wait_for_consent(console, session)
        opening.follow(console, CONFIG, folder, session)
    except SessionOverError:
        _forget_ended()
        raise
    except (UnreachableError, NotLoggedInError):
        # A console that does not answer keeps nobody from a session that is open.
        if not folder.is_connected:
            raise
        return
    if not folder.is_connected:
        _tell_first_sight(folder, opening.connect(console, CONFIG, folder), ERR)


def _newest_live(console: Console, device: str) -> tuple[SessionFolder, Json]:
    """Forget every session for `device` that has ended; return the newest that has not."""
    told = opening.told_of(console, folders_of(CONFIG.sessions, device))
    over = {folder.session for folder, session in told if session["state"] == SessionState.ENDED}
    opening.prune(CONFIG, [folder for folder, _ in told], over)
    live = [each for each in told if each[0].session not in over]
    if live:
        return live[-1]
    if told:
        raise SessionOverError(*over_sentences(told[-1][1], CONFIG.language))
    raise _no_session(device)


def _wait_for_consent(console: Console, session: Json) -> Json:
    """Say on standard error what the session waits for; return it once the operator has answered."""
    session = wait_until_open(console, session, terminal=ERR, language=CONFIG.language)
    if (line := News(CONFIG.language).line(session, now_ms=0)) is not None:
        ERR.print(line, highlight=False, markup=False, soft_wrap=True)
    return session


@app.command(
    cls=HouseCommand,
    help=_(N_("Connect to a device with OpenSSH.")),
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def ssh(
    context: typer.Context,
    device: Annotated[str, typer.Argument(help=_(N_("The device's id.")))],
) -> None:
    """Run the real `ssh` with our configuration; what follows the device goes to it unchanged."""
    host = ssh_config.host_of(device)
    if not ssh_config.is_shared(CONFIG, device):
        _open_newest(device)
        ssh_config.write(CONFIG)
    command = ["ssh", "-F", str(CONFIG.ssh_config), host, *context.args]
    try:
        code = subprocess.call(command)
    except FileNotFoundError:
        raise CliError(
            _(N_("OpenSSH is not installed: install the package openssh-client."))
        ) from None
    raise typer.Exit(code)


@app.command(
    "ssh-config",
    cls=HouseCommand,
    help=_(N_("Write the configuration for ssh, scp, sftp, rsync and editors.")),
)
def write_ssh_config(
    install: Annotated[
        bool, typer.Option(help=_(N_("Also include it from your own ~/.ssh/config.")))
    ] = False,
) -> None:
    """Write the configuration; with `--install`, make OpenSSH read it by itself."""
    ordered = _forget_ended()
    for folder in session_folders(CONFIG.sessions):
        if folder.session in ordered and not folder.is_connected:
            _tell_first_sight(folder, opening.connect(_console(), CONFIG, folder), OUT)
    path = ssh_config.write(CONFIG)
    if install:
        ssh_config.install(CONFIG)
        OUT.print("✓ " + _(N_("Installed. From now on: ssh, scp, sftp and rsync by device id.")))
    else:
        OUT.print(
            _(N_("Written: {path}. Add this line on top of ~/.ssh/config:")).format(path=path)
        )
        OUT.print(f"  {ssh_config.include_line(CONFIG)}", highlight=False, soft_wrap=True)


def _forget_ended() -> set[SessionId]:
    """Forget what is over; return what the site has said yes to, or was not asked about."""
    folders = session_folders(CONFIG.sessions)
    if not folders:
        return set()
    told = opening.told_of(_console(), folders)
    states = {folder.session: session["state"] for folder, session in told}
    over = {session for session, state in states.items() if state == SessionState.ENDED}
    opening.prune(CONFIG, folders, over)
    return {session for session, state in states.items() if state not in AT_THE_SITE} - over


@app.command(cls=HouseCommand, help=_(N_("End a session: by its id, or by the device's.")))
def end(
    which: Annotated[str, typer.Argument(help=_(N_("A session's or a device's id.")))],
) -> None:
    """End a session at the console, and forget its key here."""
    console = _console()
    folders = session_folders(CONFIG.sessions)
    mine = [
        folder
        for folder in folders
        if which.upper() in (folder.session, folder.description()["device"])
    ]
    if not mine and "-" in which:
        raise _no_session(which)
    session = mine[-1].session if mine else which.upper()
    console.post(f"/sessions/{session}/end", {})
    for folder in mine:
        if folder.session == session:
            opening.close(CONFIG, folder)
    # What ended before must not come back in its place.
    _forget_ended()
    OUT.print("✓ " + _(N_("Ended.")))


app.command(
    "trust", cls=HouseCommand, help=_(N_("Show the keys that this computer takes, or replace one."))
)(trust_cli.trust)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (`bedside.specialist.errors`)."""
    os.umask(0o077)
    try:
        return run(app, argv, name="bedside")
    except CliError as error:
        for sentence in error.sentences:
            # Not wrapped by us: a command in it is copied whole.
            ERR.print(f"✖ {sentence}", style="red", highlight=False, markup=False, soft_wrap=True)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
