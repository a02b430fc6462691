"""Examples of the REST API's bodies, made from their schemas: one way to fill in each field.

A field's own example comes first, then one for its name, then its vocabulary, then its type.
`tests/console/project/test_openapi.py` holds every example against its schema, and
`test_examples.py` beside it has the console take each one of a request.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["AT_MS", "example_of"]

Schema = Mapping[str, Any]

_ULID = "01JD5W8ZK3Q4R5S6T7V8W9X0YZ"
AT_MS = 1_764_144_000_000
_DEPTH = 8

_NAMES: dict[str, Any] = {
    "access_token": "bdt_5pK2…",
    "address": "it@notre-dame.example",
    "advice": "Ask your manager for training.",
    "allow_credentials": ["dGhlLWNyZWRlbnRpYWw"],
    "allowed": True,
    "approver": _ULID,
    "asked_by": "Nadia Roy",
    "authenticator_data": "SZYN5YgOjGh0NBcPZHZgW4/krrmihjLHmVzzuoMdl2MFAAAAAA==",
    "ca": "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n",
    "callback": "https://console.bayard.example/account/oidc/notre-dame/login/callback/",
    "case": "C-88213",
    "chain": "",
    "challenge": "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg",
    "change": "",
    "checkpoint": "bayard-imaging/journal\n1204\nn4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\n",
    "client": "bedside-cli",
    "client_data": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0=",
    "client_id": "bedside",
    "closed_ms": None,
    "code": "7GQK-2M4P-9XWD",
    "configuration": 12,
    "country": "CA",
    "credential": "dGhlLWNyZWRlbnRpYWw",
    "cursor": "MDFKRDVXOFpLM1E0UjVTNlQ3VjhXOVgwWVo",
    "detail": "",
    "device": "CI-20417",
    "device.id": "CI-20417",
    "device.name": "Injector, room 3",
    "device_code": "bda_Zk3…",
    "device_id": "CI-20417",
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "display_name": "Injector, room 3",
    "duration_minutes": 30,
    "duration_s": 1800,
    "email": "marie@bayard.example",
    "employer": "Bayard Imaging",
    "end_ms": 1_764_151_200_000,
    "ended": 2,
    "ended_ms": None,
    "ending": None,
    "ending_words": None,
    "device_ending": None,
    "enrolled_by": "Alex Martin",
    "envelope": '{"payload":"eyJzaXRlIjoibm90cmUtZGFtZSJ9","payloadType":"application/vnd.bedside.site-policy+json","signatures":[{"keyid":"SHA256:Xy3cQkq0","sig":"MEUCIQ=="}]}',
    "error": "",
    "event": "session.asked",
    "expires_in": 43200,
    "expires_ms": 1_764_187_200_000,
    "facts": {"level": 2, "country": "US"},
    "finding": "The night shift could not start the injector; a fuse was replaced.",
    "gate": None,
    "gate_words": None,
    "given": 1,
    "host": "relay-a.bayard.example",
    "hours": "24/7",
    "id": _ULID,
    "instance": "urn:bedside:request:9f1c2ab04d7e6653",
    "interval": 5,
    "joins": None,
    "journal_head": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "journal_size": 1204,
    "key": "SHA256:Xy3cQkq0",
    "language": "fr",
    "level": 2,
    "lock_reason": None,
    "mode": "view",
    "name": "Marie Tremblay",
    "needed": 2,
    "next": None,
    "note": "Night work",
    "number": "C-88213",
    "operator": "Nadia Roy",
    "organisation": "notre-dame",
    "organisation.name": "Hôpital Notre-Dame",
    "organisation_id": "notre-dame",
    "passed": True,
    "permissions": ["devices:device:read"],
    "person": _ULID,
    "person_id": _ULID,
    "ports": [443, 17001, 17002],
    "product": "contrast-injector",
    "product.id": "contrast-injector",
    "product.name": "Contrast injector",
    "product_id": "contrast-injector",
    "program": "Mozilla/5.0",
    "public_key": (
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPAFBqk8+DJLJwbS0m"
        "Ht9sjlAcTpCD636zXC/oCLoHsjz7uolIZvHxhQZ8KrWNyRLx0qcvxlZ95P1erFaH3RxVk="
    ),
    "published_by": "Julie Gagnon",
    "reason": "Pressure fault E12 after power cut",
    "relay": "a",
    "review": "",
    "reviewed_by": "Alex Martin",
    "role": "specialist",
    "room": "3",
    "rp_id": "console.bayard.example",
    "scope": ["devices:device:read"],
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "sentence": "The person is not trained for this product.",
    "serial": 7,
    "server_name": "relay-a",
    "server_url": "https://sso.hospital.example",
    "session": _ULID,
    "session_id": _ULID,
    "set_by": "Julie Gagnon",
    "signature": "MAYCAQECAQE=",
    "single": [],
    "site": "notre-dame",
    "site.id": "notre-dame",
    "site.name": "Hôpital Notre-Dame",
    "site_id": "notre-dame",
    "site_words": None,
    "started_by": "Julie Gagnon",
    "state": "routed",
    "state_words": "On its way to the device",
    "subject": {"session": _ULID, "device": "CI-20417", "access": "service", "mode": "view"},
    "taken_by": None,
    "taken_ms": None,
    "target": "CI-20417",
    "telephone": "+1 514 555 0199",
    "ticket": "CHG-4711",
    "timezone": "America/Toronto",
    "title": "Your role does not include this. An administrator can change it.",
    "token_type": "Bearer",
    "topic_words": "The injector does not start",
    "url": "https://siem.notre-dame.example/bedside",
    "user_code": "BCDF-GHJK",
    "user_verification": "required",
    "verification_uri": "https://console.bayard.example/activate",
    "verification_uri_complete": "https://console.bayard.example/activate?code=BCDF-GHJK",
    "version": "0.9.0",
    "vetted_by": "Alex Martin",
    "vetted_on": "2026-01-15",
    "weekly": [{"days": [0, 1], "from_minute": 1080, "to_minute": 1260}],
    "words": "On its way to the device",
    "works": ["devices:device:read"],
    "workstation": "Bench 2",
}


def example_of(schema: Schema, known: Mapping[str, Schema], *, path: tuple[str, ...] = ()) -> Any:
    """Return a value that `schema` allows.

    Args:
        schema: a JSON schema of the description.
        known: the description's components, by name.
        path: the names of the fields that lead to it; what is deeper than any body is empty.
    """
    schema = _resolved(schema, known)
    if schema.get("examples"):
        return schema["examples"][0]
    for name in (".".join(path[-2:]), *path[-1:]):
        if name in _NAMES and _fits(_NAMES[name], schema, known):
            return _NAMES[name]
    for choice in _choices(schema):
        return example_of(choice, known, path=path)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    return _by_type(schema, known, path)


def _by_type(schema: Schema, known: Mapping[str, Schema], path: tuple[str, ...]) -> Any:
    match schema.get("type"):
        case "object" if "properties" in schema:
            return {
                each: example_of(details, known, path=(*path, each))
                for each, details in schema["properties"].items()
            }
        case "array" if len(path) < _DEPTH and "items" in schema:
            return [example_of(schema["items"], known, path=(*path, _singular(path)))]
        case "array":
            return []
        case "integer":
            return _number(schema, path[-1] if path else "")
        case "boolean":
            return schema.get("default", False)
        case "string":
            return str(schema.get("default") or "text")[: schema.get("maxLength", 64)]
        case "null":
            return None
    return {}


def _number(schema: Schema, name: str) -> int:
    if name.endswith("_ms"):
        return AT_MS
    return int(schema.get("default") or schema.get("minimum") or 1)


def _singular(path: tuple[str, ...]) -> str:
    return path[-1].removesuffix("s") if path else ""


def _choices(schema: Schema) -> list[Schema]:
    """Return the schemas of which one applies, what says something before null."""
    found = schema.get("anyOf") or schema.get("oneOf") or []
    return sorted(found, key=lambda each: each.get("type") == "null")


def _resolved(schema: Schema, known: Mapping[str, Schema]) -> Schema:
    while "$ref" in schema:
        schema = known[schema["$ref"].rpartition("/")[2]]
    parts = schema.get("allOf") or []
    return _resolved(parts[0], known) if len(parts) == 1 else schema


def _fits(value: Any, schema: Schema, known: Mapping[str, Schema]) -> bool:
    schema = _resolved(schema, known)
    if choices := _choices(schema):
        return any(_fits(value, each, known) for each in choices)
    if "enum" in schema or "const" in schema:
        return value in (schema.get("enum") or [schema.get("const")])
    types: dict[str, type] = {
        "array": list,
        "boolean": bool,
        "integer": int,
        "null": type(None),
        "object": dict,
        "string": str,
    }
    kind = types.get(str(schema.get("type")))
    if kind is None or not isinstance(value, kind) or "properties" in schema:
        return False
    return not isinstance(value, str) or len(value) <= schema.get("maxLength", len(value))
