"""`bedside agent ...`: what a person or systemd asks of the agent on the device.

Heavy parts are imported by the command that needs them: `run` becomes the idle supervisor.
"""

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import bedside
from bedside.agent.config import AgentConfig, supervisor_environment, system_language
from bedside.agent.config_file import AgentConfigError, load_config
from bedside.agent.words import say
from bedside.language import N_, Language
from bedside.language.config_error import ConfigError
from bedside.language.furniture import file_words

__all__ = ["main", "supervisor_command"]

_DEFAULT_CONFIG = Path("/etc/bedside/agent.toml")
_REFUSED = 4
_UNUSABLE = 2

Acts: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_BOOTSTRAP = (
    "import sys; sys.path.insert(0, {source!r}); import bedside.agent.lean; "
    "from bedside.agent.supervisor import main; main()"
)


def main(argv: list[str]) -> int:
    """Run one command; returns 0, 2 (cannot be used as configured), or 4 (refused)."""
    language = system_language()
    given = _parser(language).parse_args(argv)
    try:
        config = load_config(given.config)
        run: Callable[[AgentConfig, argparse.Namespace, Language], int] = given.run
        return run(config, given, language)
    except ConfigError as error:
        print(f"bedside agent: {given.config}: {error.say(language)}", file=sys.stderr)
        return _UNUSABLE
    except OSError as error:
        where = error.filename or given.config
        print(f"bedside agent: {where}: {file_words(error, language)}", file=sys.stderr)
        return _UNUSABLE


def supervisor_command(config_fd: int) -> list[str]:
    """Return the command of the idle supervisor: isolated, without site-packages."""
    source = str(Path(bedside.__file__).parents[1])
    return [
        sys.executable,
        "-I",
        "-S",
        "-X",
        "utf8",
        "-c",
        _BOOTSTRAP.format(source=source),
        str(config_fd),
    ]


def _parser(language: Language) -> argparse.ArgumentParser:
    def tell(text: str) -> str:
        return say(language, text)

    parser = argparse.ArgumentParser(
        prog="bedside agent", description=tell(N_("The device's agent."))
    )
    parser.add_argument(
        "--config", type=Path, default=_DEFAULT_CONFIG, help=tell(N_("the configuration file"))
    )
    words = parser.add_subparsers(dest="word", required=True, metavar=tell(N_("WORD")))
    enrol = words.add_parser("enrol", help=tell(N_("give this device its identity")))
    enrol.add_argument("--bundle", type=Path, required=True, help=tell(N_("the signed bundle")))
    enrol.add_argument("--code", required=True, help=tell(N_("the one-time code")))
    enrol.set_defaults(run=_enrol)
    for word, run, meaning in (
        ("run", _run, N_("poll, and serve panels, until SIGTERM")),
        ("status", _status, N_("say what the agent does now")),
        ("host-key", _host_key, N_("say the words of this device's key")),
        ("check", _check, N_("say which hosts and ports must be open, and try them")),
        ("set-support-credential", _set_credential, N_("set the device's own credential")),
        ("set-site-credential", _set_site_credential, N_("set the one of the site's own people")),
    ):
        words.add_parser(word, help=tell(meaning)).set_defaults(run=run)
    journal = words.add_parser("journal", help=tell(N_("show, verify or export the journal")))
    journal.add_argument("act", nargs="?", choices=("show", "verify", "export"), default="show")
    journal.add_argument("--to", type=Path, help=tell(N_("where to export to")))
    journal.add_argument("--limit", type=int, default=50, help=tell(N_("how many entries to show")))
    journal.set_defaults(run=_journal)
    acts = _site_words(words, tell)
    # argparse takes an option of the parser before the word only; people write it after as well.
    for subparser in (*words.choices.values(), *acts.choices.values()):
        subparser.add_argument(
            "--config", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
    return parser


def _site_words(words: Acts, tell: Callable[[str], str]) -> Acts:
    site = words.add_parser("site", help=tell(N_("what the site itself allows on this device")))
    acts = site.add_subparsers(dest="act", required=True, metavar=tell(N_("WORD")))
    trust = acts.add_parser("trust", help=tell(N_("take the site's policies from this key")))
    trust.add_argument("file", type=Path, help=tell(N_("the site's public key")))
    trust.add_argument("--fingerprint", help=tell(N_("its words, instead of being asked")))
    trust.add_argument("--name", help=tell(N_("who does this, for the journal")))
    trust.add_argument("--statement", type=Path, help=tell(N_("the old key's word for it")))
    trust.add_argument(
        "--replace", action="store_true", help=tell(N_("replace the old key without its word"))
    )
    install = acts.add_parser("install", help=tell(N_("apply a policy that the site signed")))
    install.add_argument("file", type=Path, help=tell(N_("the signed policy")))
    acts.add_parser("show", help=tell(N_("say what the site allows here")))
    site.set_defaults(run=_site)
    return acts


def _run(config: AgentConfig, _given: argparse.Namespace, _language: Language) -> int:
    """Become the supervisor: nothing of this process stays in memory."""
    from bedside.agent.privileges import adopt_orphans
    from bedside.agent.separation import settle_users

    config = settle_users(config)
    # A root that lent its files to the worker may not be able to read them: the worker says it then.
    if _owns_its_files(config):
        _must_be_enrolled(config)
    adopt_orphans()
    descriptor = os.memfd_create("bedside-agent-config", 0)
    os.write(descriptor, config.to_json().encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    command = supervisor_command(descriptor)
    os.execve(command[0], command, supervisor_environment())  # noqa: S606 - no shell


def _enrol(config: AgentConfig, given: argparse.Namespace, language: Language) -> int:
    from bedside.agent.enrolment import EnrolmentError, enrol, open_bundle
    from bedside.agent.moment import wall_ms
    from bedside.agent.separation import check_reach
    from bedside.language import gate_advice, gate_sentence
    from bedside.protocol.enrolment import parse_enrolment_code

    check_reach(config)
    envelope, maker = given.bundle.read_bytes(), config.manufacturer_key.read_text()
    _work_as_the_worker(config)
    try:
        code = parse_enrolment_code(given.code)
    except ValueError:
        print(say(language, N_("This is not an enrolment code.")), file=sys.stderr)
        return _UNUSABLE
    try:
        bundle = open_bundle(envelope, maker, wall_ms())
        asyncio.run(enrol(config, bundle, envelope, code))
    except EnrolmentError as error:
        why = say(language, error.text, **error.fields)
        print(say(language, N_("This device was not enrolled: {why}"), why=why), file=sys.stderr)
        if error.gate is not None:
            print(
                gate_sentence(error.gate, language),
                gate_advice(error.gate, language),
                file=sys.stderr,
            )
        return _REFUSED
    print(say(language, N_("{device} is enrolled."), device=bundle.device))
    return 0


def _status(config: AgentConfig, _given: argparse.Namespace, language: Language) -> int:
    from bedside.agent.separation import separation_sentence
    from bedside.agent.status import ask_status, status_lines

    status = ask_status(config.panel_socket, language)
    if status is None:
        print(say(language, N_("The agent does not run.")), file=sys.stderr)
        return 1
    print(*status_lines(status, language), separation_sentence(config, language), sep="\n")
    return 0


def _host_key(config: AgentConfig, _given: argparse.Namespace, language: Language) -> int:
    from bedside.agent.identity import load_identity
    from bedside.language.spelling import spell
    from bedside.pki.device_keys import load_device_keys
    from bedside.pki.ssh_certificates import fingerprint, ssh_key_line

    del language
    _must_be_enrolled(config)
    keys = load_device_keys(load_identity(config.identity_dir).current.folder)
    shown = fingerprint(ssh_key_line(keys.ssh_host.public_key()))
    print(shown, *spell(shown), sep="\n")
    return 0


def _check(config: AgentConfig, _given: argparse.Namespace, language: Language) -> int:
    from bedside.agent.check import check_connections
    from bedside.agent.separation import check_reach, separation_sentence

    check_reach(config)
    _must_be_enrolled(config)
    lines, everything_open = asyncio.run(check_connections(config, language))
    print(*lines, separation_sentence(config, language), sep="\n")
    return 0 if everything_open else 1


def _set_credential(config: AgentConfig, _given: argparse.Namespace, language: Language) -> int:
    ask, done = N_("Support credential: "), N_("The support credential is set.")
    return _set(config, "support.json", language, ask=ask, done=done)


def _set_site_credential(
    config: AgentConfig, _given: argparse.Namespace, language: Language
) -> int:
    ask, done = N_("Site credential: "), N_("The site credential is set.")
    return _set(config, "site-credential.json", language, ask=ask, done=done)


def _set(config: AgentConfig, file: str, language: Language, *, ask: str, done: str) -> int:
    from bedside.agent.credential import SupportCredential
    from bedside.agent.files import make_private_folder

    if sys.stdin.isatty():
        secret = getpass.getpass(say(language, ask))
        again = getpass.getpass(say(language, N_("Once more: ")))
    else:
        secret = again = sys.stdin.readline().rstrip("\n")
    if secret != again:
        print(say(language, N_("The two are not the same.")), file=sys.stderr)
        return _UNUSABLE
    _work_as_the_worker(config)
    make_private_folder(config.state_dir)
    try:
        SupportCredential(config.state_dir / file).set(secret)
    except ValueError:
        print(say(language, N_("The credential needs at least ten characters.")), file=sys.stderr)
        return _UNUSABLE
    print(say(language, done))
    return 0


def _journal(config: AgentConfig, given: argparse.Namespace, language: Language) -> int:
    from bedside.agent.journal_command import export_journal, show_journal, verify_journal

    def act() -> int:
        if given.act == "verify":
            return verify_journal(config.journal_dir, language)
        if given.act == "export":
            return export_journal(config.journal_dir, given.to, language)
        return show_journal(config.journal_dir, given.limit, language)

    _work_as_the_worker(config)
    return _with_journal(act, language)


def _site(config: AgentConfig, given: argparse.Namespace, language: Language) -> int:
    from bedside.agent.site.command import SiteDesk

    _work_as_the_worker(config)
    _must_be_enrolled(config)
    desk = SiteDesk(config, language)
    acts = {"trust": desk.trust, "install": desk.install, "show": desk.show}
    return _with_journal(lambda: acts[given.act](given), language)


def _with_journal(act: Callable[[], int], language: Language) -> int:
    """Do what needs the journal; say in words that it cannot be had."""
    from bedside.agent.journal_lock import JournalError, JournalHeldError

    try:
        return act()
    except JournalHeldError:
        text = N_("Another program has the journal in its hand. Try again in a moment.")
        print(say(language, text), file=sys.stderr)
        return 1
    except JournalError as error:
        raise AgentConfigError(error.text, where="", **error.fields) from error


def _must_be_enrolled(config: AgentConfig) -> None:
    """Say in words that this device has no identity, or one that cannot be read."""
    from bedside.agent.identity import NotEnrolledError, load_identity, load_settings
    from bedside.pki.device_keys import load_device_keys
    from bedside.pki.keystore import KeyStoreError

    try:
        identity = load_identity(config.identity_dir)
        load_settings(config.state_dir / "configuration.json", identity)
        # Keys are read by whoever owns them: root looks at nobody's but its own.
        if _owns_its_files(config):
            load_device_keys(identity.current.folder)
    except NotEnrolledError:
        raise AgentConfigError(N_("this device is not enrolled")) from None
    except (ValueError, KeyStoreError) as error:
        text = N_("what this device knows of itself is damaged: restore it, or enrol it anew")
        raise AgentConfigError(text, where=str(config.state_dir)) from error


def _owns_its_files(config: AgentConfig) -> bool:
    """Whether what the worker keeps is this user's own."""
    return config.worker_user is None or os.geteuid() == config.worker_user.uid


def _work_as_the_worker(config: AgentConfig) -> None:
    """Root writes into the worker's folder as the worker; a folder that is not there is made its own."""
    from bedside.agent.raised import lower

    user = config.worker_user
    if user is not None and os.geteuid() == 0 and not config.state_dir.exists():
        config.state_dir.mkdir(mode=0o700)
        os.chown(config.state_dir, user.uid, user.gid)
    lower(user)
