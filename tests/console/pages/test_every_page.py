"""Every page opens for whoever may see it, in both languages, and says what it is for."""

import pytest

from tests.console.pages.reader import Reader, ask
from tests.console.world import DEVICE

PAGES = ["/", f"/devices/{DEVICE}/", f"/devices/{DEVICE}/request/", "/sessions/", "/journal/",
         "/account/", "/activate", "/account/second-factor/"]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("path", PAGES)
def test_a_specialist_opens(fleet, path, language):
    ask()
    answer = Reader("Marie", language).get(path)
    assert answer.status_code == 200, answer.content
    assert f'<html lang="{language}">' in answer.content.decode()
