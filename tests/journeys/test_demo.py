"""`bedside demo check` is a test: the journey that the demonstration promises."""

import pytest

from bedside.demo import check


def test_the_demonstration_plays_to_its_end(tmp_path_factory: pytest.TempPathFactory) -> None:
    told: list[str] = []

    # A short path: a Unix socket has room for 108 bytes.
    check.play(tmp_path_factory.mktemp("d"), tell=told.append)

    assert len(told) == len(check.STEPS) + 1
