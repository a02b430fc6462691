"""`bedside trust`, and what login and request say of keys: fingerprints, and words to compare."""

from typing import Annotated

import typer
from rich.console import Console as Terminal

from bedside.language import N_, translator
from bedside.language.spelling import spell
from bedside.pki.ssh_certificates import SshKeyError, fingerprint
from bedside.protocol.shapes import FINGERPRINT
from bedside.specialist.api import Console
from bedside.specialist.config import SpecialistConfig
from bedside.specialist.errors import CliError, NotLoggedInError
from bedside.specialist.store import load_login
from bedside.specialist.trust import Trust
from bedside.vocabulary import DeviceId, parse_device_id

__all__ = ["check_host_ca", "say_first_sight", "trust"]

CONFIG = SpecialistConfig.from_environment()
_ = translator(CONFIG.language, "bedside-cli")


def check_host_ca(console: Console, config: SpecialistConfig, terminal: Terminal) -> None:
    """Compare the console's host CA with the one that is known, and say it in words.

    Raises KeyRefusedError for another one, CliError for none.
    """
    try:
        shown = fingerprint(str(console.get("/trust").get("ssh_host_ca", "")))
    except SshKeyError:
        raise CliError(_(N_("The console's answer cannot be read."))) from None
    trust = Trust(config.trust, console.address, language=config.language)
    if trust.check_host_ca(shown):
        words = _(N_("Host CA of this console, from now on the only one that this computer takes:"))
        _say_key(words, shown, terminal)
        terminal.print(_(N_("Compare it with the printed one.")))
    else:
        _say_key(_(N_("Host CA of this console, as before:")), shown, terminal)


def say_first_sight(device: str, shown: str, terminal: Terminal) -> None:
    """Say the key of a device that this computer meets for the first time."""
    words = _(N_("First session on {device} from this computer. Its key:"))
    _say_key(words.format(device=device), shown, terminal)
    ask = _(
        N_(
            "Ask the operator whether the panel shows the same words under the code. "
            "If not, type nothing, and tell your security officer."
        )
    )
    terminal.print(ask)


def trust(
    host_ca: Annotated[
        str | None,
        typer.Option(help=_(N_("The fingerprint of the console's host CA, from paper."))),
    ] = None,
    device: Annotated[str | None, typer.Option(help=_(N_("The device's id.")))] = None,
    host_key: Annotated[
        str | None, typer.Option(help=_(N_("The fingerprint of that device's key.")))
    ] = None,
) -> None:
    """Replace what this computer remembers; without an option, show it."""
    login = load_login(CONFIG.login)
    if login is None:
        raise NotLoggedInError(_(N_("You are not logged in. Run: bedside login CONSOLE")))
    if (device is None) != (host_key is None):
        raise typer.BadParameter(_(N_("--device and --host-key go together.")))
    known, terminal = Trust(CONFIG.trust, login.console, language=CONFIG.language), Terminal()
    if host_ca is not None:
        known.replace_host_ca(_fingerprint(host_ca))
    if device is not None and host_key is not None:
        known.replace_device(_device(device), _fingerprint(host_key))
    _show(known, terminal)


def _show(known: Trust, terminal: Terminal) -> None:
    if known.host_ca is not None:
        _say_key(_(N_("Host CA of this console:")), known.host_ca, terminal)
    for device, shown in sorted(known.devices.items()):
        _say_key(device, shown, terminal)


def _say_key(title: str, shown: str, terminal: Terminal) -> None:
    terminal.print(title, highlight=False, markup=False)
    for line in (shown, *spell(shown)):
        terminal.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def _fingerprint(text: str) -> str:
    if not FINGERPRINT.fullmatch(text):
        raise typer.BadParameter(
            _(N_("A fingerprint is SHA256: and 43 characters, as ssh-keygen -l writes it."))
        )
    return text


def _device(text: str) -> DeviceId:
    try:
        return parse_device_id(text.upper())
    except ValueError:
        raise typer.BadParameter(_(N_("This is not a device's id."))) from None
