"""The connectivity check: the exact allow-list, and whether each line of it is open (S21)."""

from bedside.agent.config import AgentConfig
from bedside.agent.dial import DialError, Question, open_connection
from bedside.agent.identity import load_identity, load_settings
from bedside.agent.link import Target
from bedside.agent.words import say
from bedside.language import N_, Language

__all__ = ["check_connections"]

_REASONS = {
    "timeout": N_("nothing answers: a firewall may drop it"),
    "name_unknown": N_("the name is not known here: ask who runs the name service"),
}
_OTHER = N_("refused: {why}")


async def check_connections(config: AgentConfig, language: Language) -> tuple[list[str], bool]:
    """Return the lines to show, and whether every relay can be reached on some port.

    Raises NotEnrolledError without an identity: the list of relays is in it.
    """
    identity = load_identity(config.identity_dir)
    settings = load_settings(config.state_dir / "configuration.json", identity)
    context = identity.context(identity.current, revoked=settings.revoked)
    lines = [say(language, N_("Open these, outbound, TCP with TLS; nothing inbound:"))]
    every = True
    for relay in settings.relays:
        reached = False
        for port in relay.ports:
            target = Target(
                host=relay.host, port=port, server_name=relay.server_name, proxy=config.proxy
            )
            try:
                transport, _ = await open_connection(target, context, Question)
                transport.abort()
                words, reached = say(language, N_("open")), True
            except DialError as error:
                words = _reason(str(error), language)
            lines.append(f"  {relay.host}:{port}  {words}")
        every = every and reached
    if config.proxy is not None:
        proxy = f"{config.proxy.host}:{config.proxy.port}"
        lines.append(say(language, N_("All of it goes through the proxy {proxy}."), proxy=proxy))
    lines.append(
        say(language, N_("Every relay can be reached."))
        if every
        else say(language, N_("Not every relay can be reached: the second one is there for that."))
    )
    return lines, every


def _reason(why: str, language: Language) -> str:
    return say(language, _REASONS.get(why, _OTHER), why=why)
