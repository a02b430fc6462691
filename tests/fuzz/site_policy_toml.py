"""A site's policy as TOML: a policy that may be signed, or a named refusal."""

from bedside.language import Language
from bedside.site.draft import parse_draft
from bedside.site.errors import SiteError
from bedside.site.template import template

SEEDS = tuple(template("hnd", "America/Toronto", language).encode() for language in Language)


def parse(data: bytes) -> None:
    """Read one draft; what is accepted is a policy that a device reads."""
    try:
        draft = parse_draft(data)
    except SiteError:
        return
    policy = draft.numbered(1, 0)
    assert type(policy).from_bytes(policy.to_bytes()) == policy
