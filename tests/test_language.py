"""Every word of the vocabulary has its sentence, in English and in French (R49)."""

from collections.abc import Callable

import pytest

from bedside import language
from bedside.language import Language
from bedside.vocabulary import (
    AccessKind,
    Ending,
    Gate,
    JournalAction,
    Mode,
    SessionState,
    SiteAction,
    SiteRule,
)

SENTENCES: list[tuple[type, Callable[..., str]]] = [
    (AccessKind, language.access_name),
    (Ending, language.ending_sentence),
    (Gate, language.gate_advice),
    (Gate, language.gate_sentence),
    (JournalAction, language.action_sentence),
    (Mode, language.mode_name),
    (SessionState, language.state_sentence),
    (SiteAction, language.site_action_name),
    (SiteRule, language.site_rule_name),
]


@pytest.mark.parametrize(("words", "sentence"), SENTENCES)
def test_every_word_is_said_in_both_languages(words: type, sentence: Callable[..., str]) -> None:
    for word in words:  # type: ignore[attr-defined]
        english = sentence(word, Language.ENGLISH)
        french = sentence(word, Language.FRENCH)

        assert english
        assert french
        assert english != french, word


@pytest.mark.parametrize("gate", Gate)
def test_a_gate_says_whole_sentences(gate: Gate) -> None:
    for spoken in Language:
        assert language.gate_sentence(gate, spoken).endswith(".")
        assert language.gate_advice(gate, spoken).endswith(".")


def test_a_locale_names_its_language() -> None:
    assert language.parse_language("fr_CA.UTF-8") is Language.FRENCH
    assert language.parse_language("FR") is Language.FRENCH
    assert language.parse_language("en_US") is Language.ENGLISH
    assert language.parse_language("C.UTF-8") is Language.ENGLISH
    assert language.parse_language("") is Language.ENGLISH


def test_a_country_without_a_name_keeps_its_code() -> None:
    assert language.country_name("CA", Language.FRENCH) == "Canada"
    assert language.country_name("US", Language.FRENCH) == "États-Unis"
    assert language.country_name("ZZ", Language.FRENCH) == "ZZ"


def test_a_missing_catalogue_is_an_error_and_not_english() -> None:
    with pytest.raises(language.CatalogueMissingError, match="bedside-nowhere"):
        language.translator(Language.FRENCH, "bedside-nowhere")
