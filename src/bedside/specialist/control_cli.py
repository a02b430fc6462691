"""`bedside control`: ask for control of a session that one has joined, hand it over, take, give back.

Asking is the console's to decide, and the operator's. All else goes over the person's own connection
to the device, which knows who controls: the console has no part in it.
"""

import subprocess
import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console as Terminal

from bedside.language import N_, translator
from bedside.specialist import keys, ssh_config
from bedside.specialist.api import Console, Json
from bedside.specialist.commands import HouseCommand, HouseGroup
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.errors import CliError, NotLoggedInError
from bedside.specialist.lately import no_session
from bedside.specialist.store import SessionFolder, load_login, newest_folder
from bedside.specialist.waiting import wait_until_open
from bedside.vocabulary import AccessKind, Mode

__all__ = ["asking_for_control", "control_app", "wish_command"]

CONFIG = SpecialistConfig.from_environment()
OUT = Terminal()
_ = translator(CONFIG.language, "bedside-cli")

control_app = typer.Typer(
    cls=HouseGroup,
    rich_markup_mode=None,
    no_args_is_help=True,
    help=_(N_("Who controls a session: ask for it, hand it over, take it, give it back.")),
)

_Device = Annotated[str, typer.Argument(help=_(N_("The device's id.")))]


def asking_for_control(session: Json, folder: SessionFolder) -> Json:
    """Return what a request says that asks for control by the join `session`, kept in `folder`.

    Raises CliError where that session joins nothing.
    """
    if not session.get("joins"):
        raise CliError(
            _(
                N_("Your session for {device} joins nobody's: there is no control to ask for.")
            ).format(device=session["device"]["id"])
        )
    return {
        "device": session["device"]["id"],
        "access": AccessKind(session["access"]).value,
        "mode": Mode.CONTROL.value,
        "joins": folder.session,
        "public_key": keys.public_line(folder),
    }


def wish_command(config: SpecialistConfig, device: str, *wish: str) -> list[str]:
    """Return the `ssh` that tells the device a wish about control."""
    host = ssh_config.host_of(device)
    return ["ssh", "-F", str(config.ssh_config), "-s", host, " ".join(("control", *wish))]


@control_app.command(
    "ask", cls=HouseCommand, help=_(N_("Ask for control of the session that you watch."))
)
def ask(
    device: _Device,
    case: Annotated[str, typer.Option(help=_(N_("The support case.")))],
    reason: Annotated[str, typer.Option(help=_(N_("Why, in words the operator reads.")))],
    minutes: Annotated[int, typer.Option(help=_(N_("How long at the most.")))] = 30,
    ticket: Annotated[str | None, typer.Option(help=_(N_("The change ticket.")))] = None,
) -> None:
    """Ask, and wait for the person at the device; what is allowed is then handed over, or not."""
    folder = _folder(device)
    console = _console()
    wanted = asking_for_control(console.get(f"/sessions/{folder.session}"), folder)
    wanted |= {"duration_minutes": minutes, "case": case, "reason": reason}
    if ticket:
        wanted["ticket"] = ticket
    session = console.post("/sessions", wanted)
    _wait(console, session)
    OUT.print(
        "✓ "
        + _(
            N_(
                "The operator allows it. Control is yours once it is handed over to you: then press "
                "Ctrl-T in your terminal."
            )
        )
    )


def _wait(console: Console, session: Json, *, wait: Callable[[float], None] = time.sleep) -> None:
    try:
        wait_until_open(console, session, terminal=OUT, language=CONFIG.language, wait=wait)
    except KeyboardInterrupt:
        console.post(f"/sessions/{session['id']}/end", {})
        raise CliError(_(N_("You withdrew the request."))) from None


@control_app.command(
    "hand", cls=HouseCommand, help=_(N_("Hand control over to somebody who watches, by name."))
)
def hand(
    device: _Device,
    person: Annotated[
        str, typer.Argument(help=_(N_("The person's name, as the terminal says it.")))
    ],
) -> None:
    """Offer control: it passes when that person takes it."""
    _tell(device, "hand", person)


@control_app.command(
    "take", cls=HouseCommand, help=_(N_("Take control: what is handed to you, or yours again."))
)
def take(device: _Device) -> None:
    """Take control."""
    _tell(device, "take")


@control_app.command(
    "give", cls=HouseCommand, help=_(N_("Give back control that was handed over to you."))
)
def give(device: _Device) -> None:
    """Give control back."""
    _tell(device, "give")


def _tell(device: str, *wish: str) -> None:
    _folder(device)
    ssh_config.write(CONFIG)
    try:
        code = subprocess.call(wish_command(CONFIG, device, *wish))
    except FileNotFoundError:
        raise CliError(
            _(N_("OpenSSH is not installed: install the package openssh-client."))
        ) from None
    raise typer.Exit(code)


def _console() -> Console:
    login = load_login(CONFIG.login)
    if login is None:
        raise NotLoggedInError(_(N_("You are not logged in. Run: bedside login CONSOLE")))
    return Console(login, language=CONFIG.language)


def _folder(device: str) -> SessionFolder:
    found = newest_folder(CONFIG.sessions, device)
    if found is None:
        raise no_session(device, _console, CONFIG.language)
    return found
