"""The two languages that every part speaks, and the sentences that all parts share.

Whoever refuses, asks or ends something uses the words of `bedside.vocabulary`; what a person
reads for such a word comes from here, so that page, panel, command line and journal agree.
"""

from bedside.language.sentences import (
    access_name,
    action_sentence,
    country_name,
    ending_sentence,
    gate_advice,
    gate_sentence,
    mode_name,
    state_sentence,
)
from bedside.language.tongues import (
    N_,
    CatalogueMissingError,
    Language,
    parse_language,
    translator,
)

__all__ = [
    "N_",
    "CatalogueMissingError",
    "Language",
    "access_name",
    "action_sentence",
    "country_name",
    "ending_sentence",
    "gate_advice",
    "gate_sentence",
    "mode_name",
    "parse_language",
    "state_sentence",
    "translator",
]
