"""Why a relay gets no folder and no certificate, in the words of whoever types."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from bedside.console.live.relay_folder import RelayFault
from bedside.protocol.errors import ProtocolError
from bedside.protocol.shapes import Relay

__all__ = ["address_words", "refusal_words", "renewal_words"]


def address_words(error: ProtocolError, given: Mapping[str, object]) -> str:
    """Return what is wrong with what was given for a relay (S25), by the name of its option."""
    where = error.where.partition("[")[0].partition(".")[0]
    sentences = {
        "name": _(
            "%(value)s is no name of a relay: small letters, digits and -, a letter first, at most "
            "31: a, eu-2."
        ),
        "host": _("--host %(value)s: devices dial an IP address or a host name, without a port."),
        "server_name": _(
            "--server-name %(value)s must be a host name such as relay-a.example.com."
        ),
        "ports": _("--port %(value)s: one to eight different numbers from 1 to 65535."),
    }
    if where not in sentences:
        return str(error)
    value = given[where]
    shown = ", ".join(map(str, value)) if isinstance(value, list) else value
    return sentences[where] % {"value": shown}


def refusal_words(fault: RelayFault, address: Relay) -> str:
    """Return why `add-relay` is refused, and what to do."""
    sentences = {
        RelayFault.FOREIGN_KEY: _(
            "The key in this folder is not the one by which relay %(name)s is known. Bring the "
            "relay's own key.pem, or say --new-key: then the relay that runs is refused until it "
            "has the new key and was reloaded."
        ),
        RelayFault.KEY_ELSEWHERE: _(
            "Relay %(name)s is known, and its key is not in this folder. To renew its certificate: "
            "bedside relay request at the relay, then bedside console renew-relay %(name)s "
            "--request FILE here. If its key is lost, say --new-key: then the relay that runs is "
            "refused until it has the new key and was reloaded."
        ),
        RelayFault.NO_ADDRESS: _(
            "relay_listen is every address of this machine, and no relay can dial that: say "
            'relay_address = "HOST:PORT" in the configuration.'
        ),
        RelayFault.RETIRED: _(
            "Relay %(name)s was retired for good: give the new one another name."
        ),
        RelayFault.SERVER_NAME_TAKEN: _(
            "Another relay has the server name %(server_name)s: each has its own."
        ),
        RelayFault.UNKNOWN: _("There is no relay %(name)s."),
    }
    return sentences[fault] % {"name": address.name, "server_name": address.server_name}


def renewal_words(fault: RelayFault, name: str) -> str:
    """Return why `renew-relay` is refused, and what to do."""
    sentences = {
        RelayFault.FOREIGN_KEY: _(
            "This request is signed by another key than the one by which relay %(name)s is known: "
            "is it that relay's? If its key was lost: bedside console add-relay --new-key."
        ),
        RelayFault.RETIRED: _("Relay %(name)s was retired for good: it gets no certificate."),
    }
    return sentences.get(fault, _("There is no relay %(name)s.")) % {"name": name}
