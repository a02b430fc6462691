"""The description in the documentation is the one that is served."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
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


DESCRIPTION = json.loads(REFERENCE.read_text(encoding="utf-8"))


def operations():
    for methods in DESCRIPTION["paths"].values():
        yield from methods.items()


def bodies():
    """Yield each JSON body that is described: whose, and its media type."""
    for _method, operation in operations():
        named = [("request", operation.get("requestBody") or {})]
        named += sorted(operation["responses"].items())
        for kind, body in named:
            for media_type, media in body.get("content", {}).items():
                yield f"{operation['operationId']} {kind}", media_type, media


def test_the_description_is_openapi_3_1():
    assert DESCRIPTION["openapi"].startswith("3.1.")


@pytest.mark.parametrize(
    ("media_type", "media"), [pytest.param(*rest, id=name) for name, *rest in bodies()]
)
def test_every_body_has_an_example_that_fits(media_type, media):
    assert media_type in ("application/json", "application/problem+json")
    whole = {**media["schema"], "components": DESCRIPTION["components"]}
    jsonschema_rs.Draft202012Validator(whole).validate(media["example"])


def test_every_operation_says_what_it_takes_and_how_it_fails():
    for method, operation in operations():
        name = operation["operationId"]
        assert "default" in operation["responses"], name
        assert all("example" in parameter for parameter in operation["parameters"]), name
        assert operation["description"], name
        keys = [each["name"] for each in operation["parameters"] if each["in"] == "header"]
        assert keys == (["Idempotency-Key"] if method == "post" else []), name


def test_every_list_is_paged():
    for method, operation in operations():
        if method != "get" or not operation["operationId"].startswith("list"):
            continue
        given = {each["name"] for each in operation["parameters"]}
        assert {"cursor", "limit"} <= given or operation["operationId"] == "listPasskeys"
