"""The description in the documentation is the one that is served."""

import json
from pathlib import Path

from django.core.management import call_command
from django.test import Client

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"


def test_the_reference_is_current(capsys):
    call_command("openapi")
    printed = capsys.readouterr().out
    assert printed == REFERENCE.read_text(encoding="utf-8"), (
        "write it anew: bedside console manage openapi > docs/reference/openapi.json"
    )


def test_what_is_served_is_the_reference(db):
    served = Client().get("/api/v1/openapi.json")
    assert json.loads(served.content)["paths"] == json.loads(REFERENCE.read_text())["paths"]
