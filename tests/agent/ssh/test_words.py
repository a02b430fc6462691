"""Every refusal has its sentence, in both languages, with what to do next."""

import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bedside.agent.ssh import words
from bedside.agent.ssh.helm import Seat, Turn
from bedside.agent.ssh.plan import ControlVerb, ControlWish, Refusal
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


@pytest.mark.parametrize("turn", Turn)
@pytest.mark.parametrize("seat", Seat)
def test_what_became_of_control_is_said_to_both_in_both_languages(turn, seat):
    said = [
        words.turn_line(
            turn, seat, SimpleNamespace(name="Zoé O'Neil", device="CI-1", language=language)
        )
        for language in Language
    ]
    assert len(set(said)) == 2
    for line in said:
        assert line.startswith("\r\nBedside: ")
        assert line.count("\n") == 2
        assert "{" not in line


def test_a_name_is_quoted_for_the_shell():
    heir = SimpleNamespace(name="Zoé O'Neil", device="CI-1", language=Language.ENGLISH)
    line = words.turn_line(Turn.ALLOWED, Seat.STARTED, heir)
    (command,) = [line[line.index("bedside control") :].strip()]
    assert shlex.split(command) == ["bedside", "control", "hand", "CI-1", "Zoé O'Neil"]


def test_whoever_presses_keys_in_vain_is_told_how_to_leave_or_to_take_control():
    assert "Ctrl-T" in words.keys_refused(ENGLISH)
    assert "Ctrl-D" in words.keys_refused(replace(ENGLISH, watcher="Jean Roy, Canada"))


def test_a_wish_that_was_granted_is_answered():
    wish = ControlWish(ControlVerb.HAND, "Jean Roy")
    assert "control waits for Jean Roy" in words.wish_line(wish, ENGLISH)
    for verb in ControlVerb:
        assert "prise en main" in words.wish_line(ControlWish(verb, "Jean Roy"), FRENCH)
