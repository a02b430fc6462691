"""`bedside demo check` is a test: the journey that the demonstration promises."""

from pathlib import Path

import pytest

from bedside.demo import check


@pytest.mark.timeout(400)
def test_the_demonstration_plays_to_its_end(tmp_path: Path) -> None:
    told: list[str] = []

    check.play(tmp_path / "w", tell=told.append)

    assert len(told) == len(check.STEPS) + 1
