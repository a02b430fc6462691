"""Sentences of the agent that no other part shares."""

from bedside.language import N_, Language, gate_advice, gate_sentence, translator
from bedside.protocol.local import PanelFault
from bedside.vocabulary import Gate

__all__ = ["NOT_ASKED", "refusal_sentence", "say"]

NOT_ASKED = "not_asked"
_DOMAIN = "bedside-agent"
_SENTENCES: dict[str, str] = {
    NOT_ASKED: N_("This is no longer asked."),
    PanelFault.MALFORMED: N_(
        "The panel sent a line that the device does not understand. Connect again, in the words of the local protocol."
    ),
    PanelFault.NO_HELLO: N_(
        "The panel has not said hello. Connect again and send hello with its language first."
    ),
    PanelFault.TOO_LONG: N_(
        "The panel sent more than a line may hold. Connect again and send at most 64 KiB a line."
    ),
}


def say(language: Language, text: str, **fields: object) -> str:
    """Return a marked sentence in `language`, its fields filled in."""
    return translator(language, _DOMAIN)(text).format(**fields)


def refusal_sentence(code: str, language: Language) -> str:
    """Return what a panel shows when the agent did not do what was asked.

    Args:
        code: a gate, NOT_ASKED, or a PanelFault.
        language: the panel's.
    """
    if code in _SENTENCES:
        return say(language, _SENTENCES[code])
    gate = Gate(code)
    return f"{gate_sentence(gate, language)} {gate_advice(gate, language)}"
