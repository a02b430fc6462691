"""The two languages that every part speaks, and the sentences that all parts share.

Whoever refuses, asks or ends something uses the words of `bedside.vocabulary`; what a person
reads for such a word comes from here, so that page, panel, command line and journal agree.
"""

from typing import TYPE_CHECKING, Any

from bedside.language.tongues import (
    N_,
    CatalogueMissingError,
    Language,
    parse_language,
    spoken_language,
    translator,
)

if TYPE_CHECKING:
    from bedside.language.sentences import (
        access_name,
        action_sentence,
        contact_name,
        country_name,
        ending_sentence,
        gate_advice,
        gate_sentence,
        help_name,
        mode_name,
        site_action_name,
        site_rule_name,
        state_sentence,
    )

__all__ = [
    "N_",
    "CatalogueMissingError",
    "Language",
    "access_name",
    "action_sentence",
    "contact_name",
    "country_name",
    "ending_sentence",
    "gate_advice",
    "gate_sentence",
    "help_name",
    "mode_name",
    "parse_language",
    "site_action_name",
    "site_rule_name",
    "spoken_language",
    "state_sentence",
    "translator",
]


def __getattr__(name: str) -> Any:
    """Load the sentences with the first of them that is needed: the idle agent says none."""
    if name not in __all__:
        raise AttributeError(name)
    from bedside.language import sentences

    return getattr(sentences, name)
