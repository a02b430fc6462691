"""A real console and a real browser, for the tests that want them."""

import pytest

from tests.console.pages.running import Visitor, running_browser, running_console


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    with running_console(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with running_browser() as running:
        yield running


@pytest.fixture
def visit(browser, console):
    """Open a browser of one's own; what its pages complained of is asked at the end."""
    visitors = []

    def come(name=None, **more) -> Visitor:
        visitors.append(Visitor(browser, console, **more))
        return visitors[-1].sign_in(name) if name else visitors[-1]

    yield come
    complaints = [text for visitor in visitors for text in visitor.complaints]
    for visitor in visitors:
        visitor.close()
    assert [text for text in complaints if "404 (Not Found)" not in text] == []
