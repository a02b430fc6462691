"""The REST API with a whole description: examples, problems, and the name of a call."""

from typing import Any

from ninja import NinjaAPI

from bedside.console.accounts.risky import act_of_operation
from bedside.console.project.examples import example_of

__all__ = ["DescribedApi"]

_JSON = "application/json"
_PROBLEM = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457); `code` is stable, and pages have the same codes.",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "instance": {"type": "string"},
    },
    "required": ["type", "title", "status", "code", "instance"],
    "examples": [
        {
            "type": "urn:bedside:problem:forbidden",
            "title": "Your role does not include this. An administrator can change it.",
            "status": 403,
            "code": "forbidden",
            "instance": "urn:bedside:request:9f1c2ab04d7e6653",
        }
    ],
}
_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "pattern": "^[!-~]{8,128}$"},
    "required": False,
    "description": "A name of the call: the same again within a day gets the same answer.",
    "example": "5f1d0c9e-7a52-4b1e-9d4c-2f6f3f2f8a10",
}


class DescribedApi(NinjaAPI):
    """NinjaAPI whose description says of each operation what a call and its answers look like."""

    def get_openapi_schema(self, **options: Any) -> Any:
        """Return the OpenAPI description (3.1)."""
        found = super().get_openapi_schema(**options)
        schemas = found["components"]["schemas"]
        schemas["Problem"] = _PROBLEM
        for methods in found["paths"].values():
            for method, operation in methods.items():
                _describe(method, operation, schemas)
        return found


def _describe(method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    for parameter in operation["parameters"]:
        parameter.pop("examples", None)
        name = parameter["name"]
        parameter["example"] = example_of(parameter["schema"], schemas, path=(name,))
    if method == "post":
        operation["parameters"].append(_KEY)
    if act_of_operation(operation["operationId"]) is not None:
        operation["x-confirmation"] = True
    for media in _bodies(operation):
        media["example"] = example_of(media["schema"], schemas)
    operation["responses"]["default"] = {
        "description": "It was not done: why, and what to do.",
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": _PROBLEM["examples"][0],  # type: ignore[index]
            }
        },
    }


def _bodies(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is sent, and what comes back, where it is JSON."""
    bodies = [operation.get("requestBody"), *operation["responses"].values()]
    found = [(body or {}).get("content", {}).get(_JSON) for body in bodies]
    return [media for media in found if media and "schema" in media]
