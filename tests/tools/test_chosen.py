"""Whoever names no benchmark or target, or one that there is not, is told which there are."""

import pytest

from tools import bench, fuzz


@pytest.mark.parametrize(
    ("main", "one", "names"),
    [
        (bench.main, "relay_splice", bench.benchmark_names()),
        (fuzz.main, "polls", fuzz.target_names()),
    ],
)
def test_the_list_is_said(main, one, names, capsys):
    assert one in names
    for given, begins in (([], "make "), (["nosuch"], "There is no ")):
        assert main(given) == 2
        first, *listed = capsys.readouterr().out.splitlines()
        assert first.startswith(begins)
        assert [line.strip() for line in listed] == names


def test_what_a_benchmark_shares_is_none():
    assert "figures" not in bench.benchmark_names()
    assert "__init__" not in bench.benchmark_names()
