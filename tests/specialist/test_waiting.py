"""How a request that ended is told: how it ended, the gate by its name, what to do next."""

import pytest

from bedside.language import Language
from bedside.specialist.errors import ExitCode
from bedside.specialist.waiting import session_over


@pytest.mark.parametrize(
    ("language", "refused_by"),
    [(Language.ENGLISH, "refused by consent: "), (Language.FRENCH, "refusée par consent : ")],
)
def test_a_gate_that_refused_is_named(language, refused_by):
    error = session_over({"ending": "refused", "gate": "consent"}, language)

    assert error.exit_code is ExitCode.SESSION_OVER
    assert error.sentences[1].startswith(refused_by)


def test_an_ending_without_a_gate_is_one_sentence():
    error = session_over({"ending": "by_operator", "gate": None}, Language.ENGLISH)

    assert len(error.sentences) == 1
