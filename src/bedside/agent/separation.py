"""Who is who when the agent starts: what the configuration promises holds, or it does not run."""

import os
import stat
from contextlib import suppress
from dataclasses import replace

from bedside.agent.config import AgentConfig
from bedside.agent.config_file import AgentConfigError
from bedside.agent.raised import lowered
from bedside.agent.users import SystemUser, find_user
from bedside.agent.words import say
from bedside.language import N_, Language
from bedside.language.config_error import field_error
from bedside.protocol.errors import ProtocolError
from bedside.protocol.profile import parse_profile

__all__ = ["check_reach", "separation_sentence", "settle_users"]

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def settle_users(config: AgentConfig) -> AgentConfig:
    """Return the configuration with the users that this process can really become.

    Raises ConfigError where a session would not be kept apart as the configuration says, the
    product's service application would not get its user, or the worker could not read its files.
    """
    service = _service_user(config)
    if os.geteuid() != 0:
        if config.session_user is not None:
            raise AgentConfigError(N_("session_user needs an agent that runs as root"))
        if service is not None:
            text = N_("the profile's user {user} needs an agent that runs as root")
            raise AgentConfigError(text, user=service.name)
        return replace(config, worker_user=None)
    _check_folder(config)
    check_reach(config)
    return replace(config, service_user=service)


def check_reach(config: AgentConfig) -> None:
    """Let root see, before anything starts, that the worker can read its files beside `agent.toml`.

    Raises ConfigError with the file that `worker_user` cannot read.
    """
    user = config.worker_user
    if user is None or os.geteuid() != 0:
        return
    for file in (config.profile, config.site_trust):
        try:
            with lowered(user), suppress(FileNotFoundError):  # said by who reads it
                file.open("rb").close()
        except PermissionError:
            text = N_(
                "{user} (worker_user) cannot read {file}: chmod 644 it, and let that user into its "
                "folder"
            )
            raise AgentConfigError(text, user=user.name, file=file) from None


def separation_sentence(config: AgentConfig, language: Language) -> str:
    """Return what a person reads about whose rights a session's commands have here."""
    if config.session_user is not None:
        text = N_("Commands of a session run as {user}, apart from the agent's keys and journal.")
        return say(language, text, user=config.session_user.name)
    text = N_(
        "Commands of a session run as the agent does (same user): they can reach this device's "
        "keys and journal."
    )
    return say(language, text)


def _service_user(config: AgentConfig) -> SystemUser | None:
    try:
        service = parse_profile(config.profile.read_bytes()).service
    except ProtocolError as error:
        raise field_error(error.code, error.where).within(str(config.profile)) from error
    if service is None or service.user is None:
        return None
    try:
        user = find_user(service.user)
    except KeyError:
        text = N_("the profile names a user that is not here: {user}")
        raise AgentConfigError(text, user=service.user) from None
    if user.uid == 0 or (config.worker_user is not None and user.uid == config.worker_user.uid):
        raise AgentConfigError(N_("the profile's user {user} is the agent's own"), user=user.name)
    return user


def _check_folder(config: AgentConfig) -> None:
    """The folder of keys and journal is the agent's, and nobody else's."""
    try:
        found = config.state_dir.stat()
    except FileNotFoundError:
        return  # not enrolled: that is said by who reads the identity
    owner = config.worker_user or SystemUser("root", 0, 0, ())
    if found.st_uid != owner.uid:
        text = N_("state_dir {folder} does not belong to {user}")
        raise AgentConfigError(text, folder=config.state_dir, user=owner.name)
    if config.session_user is not None and found.st_mode & _OTHERS:
        text = N_("state_dir {folder} is open to others: chmod 700 it")
        raise AgentConfigError(text, folder=config.state_dir)
