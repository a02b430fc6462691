"""Every form of every page, filled in by somebody who wants to see it fall over.

Nothing here falls over, nothing is thrown back at the reader as markup, and whatever a form took is
shown again without breaking a page.
"""

import itertools
from html.parser import HTMLParser

import pytest
from django.db import transaction

from tests.console.pages.reader import Reader
from tests.console.tour import PAGES, Walker, prepare

SCRIPT = '"><script>alert(1)</script>{{ 7|add:7 }}'
HOSTILE = {
    "far too long": "x" * 60_000,
    "long in bytes": "é" * 20_000,
    "nul": "a\x00b",
    "terminal": "\x1b[2J\x1b]0;title\x07\r\n\u2028",
    "right to left": "\u202eevil\u2066\u200f",
    "emoji": "👩🏽‍⚕️" * 40,
    "script": SCRIPT,
    "sql": "'; DROP TABLE accounts_user; --",
    "number": "-99999999999999999999999",
    "no number": "NaN",
    "other digits": "٣٤",
    "day": "0000-13-45T99:99",
    "path": "../../../../etc/passwd",
    "nothing": "",
    "spaces": " \u00a0\u3000 ",
}


FIELDS = ("input", "select", "textarea", "button")


class Forms(HTMLParser):
    """The forms of a page: where each goes, how, and its fields with what stands in them."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self._fields = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        if tag == "form":
            self._fields = {}
            self.found.append((told.get("action") or "", told.get("method", "get"), self._fields))
        elif self._fields is not None and tag in FIELDS and told.get("type") != "file":
            self._fields.setdefault(told.get("name", ""), told.get("value") or "")

    def handle_endtag(self, tag):
        if tag == "form":
            self._fields = None


def forms_of(walker):
    """The page's own forms: not the ones in the header, which every page has."""
    for action, method, fields in Forms(walker.open().content.decode()).found:
        names = [name for name in fields if name not in ("", "csrfmiddlewaretoken")]
        if names and not action.startswith(("/language/", "/account/logout/")):
            yield action, method.lower(), {name: fields[name] for name in names}


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(("language", "share"), [("en", 0), ("fr", 1)])
def test_no_form_falls_over_whatever_is_typed_into_it(language, share):
    hostile = dict(list(HOSTILE.items())[share::2])
    things = prepare(sites=3, devices=6, people=3, journal=3, sessions=3, each=3)
    tried = 0
    for stop in {stop.route: stop for stop in PAGES}.values():
        walker = Walker(stop, things)
        reader = Reader(stop.reader, language)
        for action, method, fields in forms_of(walker):
            for what, filled in fillings(fields, hostile):
                send(reader, method, action or walker.path, filled, (stop.route, what))
                tried += 1
    assert tried > 400


def fillings(fields, hostile):
    """All fields with each value, and each field alone among what stands there already."""
    for what, value in hostile.items():
        yield what, dict.fromkeys(fields, value)
    values = itertools.cycle(hostile.items())
    for name, (what, value) in zip(fields, values, strict=False):
        yield f"{name}: {what}", {**fields, name: value}


def send(reader, method, path, filled, where):
    """Send a form; what it changes is taken back."""
    with transaction.atomic():
        answer = getattr(reader.client, method)(path, filled)
        assert answer.status_code in (200, 302, 400, 403, 404, 405, 409, 413), where
        if answer.status_code == 302:
            # What was taken is shown, and the page that shows it still opens.
            answer = reader.client.get(answer["Location"])
            assert answer.status_code in (200, 302, 403, 404), where
        assert b"<script>alert" not in answer.content, where
        transaction.set_rollback(True)
