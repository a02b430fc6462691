"""Sentences of the agent that no other part shares."""

from bedside.language import N_, Language, gate_advice, gate_sentence, translator
from bedside.vocabulary import Gate

__all__ = ["NOT_ASKED", "refusal_sentence", "say"]

NOT_ASKED = "not_asked"
_DOMAIN = "bedside-agent"
_NOT_ASKED_SENTENCE = N_("This is no longer asked.")


def say(language: Language, text: str, **fields: object) -> str:
    """Return a marked sentence in `language`, its fields filled in."""
    return translator(language, _DOMAIN)(text).format(**fields)


def refusal_sentence(code: str, language: Language) -> str:
    """Return what a panel shows when the agent did not do what was asked (a gate, or NOT_ASKED)."""
    if code != NOT_ASKED:
        gate = Gate(code)
        return f"{gate_sentence(gate, language)} {gate_advice(gate, language)}"
    return say(language, _NOT_ASKED_SENTENCE)
