"""Every refusal has its sentence, in both languages, with what to do next."""

from pathlib import Path

import pytest

from bedside.agent.ssh import words
from bedside.agent.ssh.plan import Refusal
from bedside.agent.ssh.vault import FileRefusal
from bedside.language import Language
from tests.agent.ssh.kit import make_grant, make_profile

PROFILE = make_profile(Path("/srv"), port=5900, view_port=8080)
ENGLISH = make_grant(PROFILE)
FRENCH = make_grant(PROFILE, language=Language.FRENCH)


@pytest.mark.parametrize("refusal", [*Refusal, *FileRefusal])
def test_a_refusal_is_one_line_in_each_language(refusal):
    say = words.sentence if isinstance(refusal, Refusal) else words.file_sentence
    english, french = say(refusal, ENGLISH), say(refusal, FRENCH)
    assert english.startswith("Bedside: refused by the device: ")
    assert french.startswith("Bedside: refus de l’appareil : ")
    assert "\n" not in english + french


def test_a_forward_s_refusal_names_what_there_is():
    assert "desktop:5900, status:8080" in words.sentence(Refusal.FORWARD, FRENCH)


def test_the_other_sentences():
    assert words.prompts(Language.ENGLISH) == ("Support credential: ", "Presence code: ")
    assert words.prompts(Language.FRENCH) == ("Mot de passe de soutien : ", "Code de présence : ")
    assert "certificat" in words.certificate_sentence(Language.FRENCH)
    assert "séance" in words.locked_sentence(Language.FRENCH)
