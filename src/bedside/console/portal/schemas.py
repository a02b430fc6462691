"""What the REST API says and takes about a site: its say, its windows, whom it has told."""

from typing import Any

from ninja import Field, Schema

from bedside.console.accounts.models import Organisation
from bedside.console.rest.bodies import Body, PageQuery, Plain
from bedside.console.sites.models import SiteArrangement, SiteContact, SiteHook, SiteWindow
from bedside.protocol.site import SitePolicy
from bedside.site.words import passkey_words
from bedside.vocabulary import Gate, SiteAction, SiteRule

__all__ = [
    "ApproverAnswer",
    "ArrangementBody",
    "ContactAnswer",
    "ContactsPage",
    "EnvelopeBody",
    "HookAnswer",
    "HookMade",
    "HooksPage",
    "KeyBody",
    "PolicyAnswer",
    "SiteAnswer",
    "SiteContactBody",
    "SiteHookBody",
    "SitesPage",
    "WindowAnswer",
    "WindowBody",
    "WindowsPage",
    "WindowsQuery",
    "contact_view",
    "hook_view",
    "policy_view",
    "site_row",
    "window_view",
]


_WORDS = "Papa Echo Bravo Juliett Lima Kilo Golf Uniform Sierra Mike Oscar Tango X-ray Hotel Victor Delta"
_PEM = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
"""


class SiteRow(Schema):
    """A site in a list."""

    id: str
    name: str
    country: str
    language: str
    timezone: str


class SitesPage(Schema):
    """Some sites; `next` is the cursor of those after, null at the end."""

    items: list[SiteRow]
    next: str | None


class SiteAnswer(SiteRow):
    """A site: when it is served, whether a signed policy applies, and what waits for it."""

    access: SiteArrangement.Kind
    policy_serial: int | None
    waiting: int
    live: int
    reviews: int


class RuleOfSite(Schema):
    """What a site says of one action."""

    action: SiteAction
    rule: SiteRule
    ticket: bool
    window: bool
    two_approvers: bool


class ApproverOfSite(Schema):
    """Whose passkey the site's policy names, and the words by which people compare it."""

    id: str
    name: str
    credential: str
    words: str = Field(examples=[_WORDS])


class PolicyText(Schema):
    """A signed policy, read; its windows are as the document holds them."""

    serial: int
    issued_ms: int
    timezone: str
    rules: list[RuleOfSite]
    weekly: list[dict[str, Any]]
    single: list[dict[str, Any]]
    approvers: list[ApproverOfSite]


class PolicyVersion(Schema):
    """A policy as it was received; none is ever changed."""

    serial: int
    digest: str
    published_by: str
    published_ms: int


class LaggingDevice(Schema):
    """A device that does not apply that policy, by its own journal.

    `serial` is the number of what it applies (0: none), `refused` the gate that refused what came
    last, `at_ms` when it said so (null: it has said nothing).
    """

    device: str
    serial: int
    refused: Gate | None
    at_ms: int | None


class PolicyAnswer(Schema):
    """The policy that applies (null: none was published), the site's key, and what came before.

    `key_words` is that key as the site's own commands and its devices say it.

    `lagging` names up to fifty enrolled devices that do not apply it.
    """

    site: str
    key: str | None
    key_words: str | None = Field(examples=[_WORDS])
    policy: PolicyText | None
    versions: list[PolicyVersion]
    lagging: list[LaggingDevice]


class KeyBody(Body):
    """The site's public key."""

    public_key: str = Field(
        max_length=1024,
        description="P-256, in PEM",
        examples=[_PEM],
    )
    statement: str = Field(
        "",
        max_length=40_000,
        examples=[""],
        description="the present key's word for this one, as `bedside site key hand-over` wrote it",
    )
    lost: bool = Field(False, description="the present key is lost or stolen: it signs nothing")


class EnvelopeBody(Body):
    """A policy that the site signed, as `bedside site policy sign` wrote it."""

    envelope: str = Field(max_length=40_000, description="the file's text")


class ArrangementBody(Body):
    """When the site lets its devices be served."""

    kind: SiteArrangement.Kind = Field(strict=False)


class WindowsQuery(PageQuery):
    """Windows that are open or to come, or all of them."""

    past: bool = False


class WindowBody(Body):
    """A service window; `device` null: every device of the site."""

    start_ms: int = Field(ge=0, le=2**53 - 1)
    end_ms: int = Field(ge=0, le=2**53 - 1)
    device: str | None = Field(None, max_length=30)
    ticket: Plain = Field("", max_length=64)
    note: Plain = Field("", max_length=200)


class WindowAnswer(Schema):
    """A service window; `closed_ms` is when the site closed it before its end."""

    id: str
    site: str
    device: str | None
    start_ms: int
    end_ms: int
    ticket: str
    note: str
    set_by: str
    closed_ms: int | None


class WindowsPage(Schema):
    """Some windows, in the order in which they were planned; `next` is null at the end."""

    items: list[WindowAnswer]
    next: str | None


class SiteContactBody(Body):
    """Somebody of the site who is told, and when."""

    name: Plain = Field(min_length=1, max_length=120)
    email: str = Field(min_length=3, max_length=254, examples=["it@notre-dame.example"])
    language: str = Field("en", pattern="^(en|fr)$")
    before: bool = True
    during: bool = True
    after: bool = True


class ContactAnswer(Schema):
    """Somebody of the site who is told, and when."""

    id: int
    name: str
    email: str
    language: str
    before: bool
    during: bool
    after: bool


class ContactsPage(Schema):
    """Some contacts; `next` is null at the end."""

    items: list[ContactAnswer]
    next: str | None


class SiteHookBody(Body):
    """Where events are posted."""

    url: Plain = Field(max_length=500, examples=["https://siem.notre-dame.example/bedside"])


class HookAnswer(Schema):
    """Where events are posted."""

    id: str
    url: str
    created_ms: int


class HookMade(HookAnswer):
    """A new webhook with the secret that signs its events: told this once."""

    secret: str


class HooksPage(Schema):
    """Some webhooks; `next` is null at the end."""

    items: list[HookAnswer]
    next: str | None


class ApproverAnswer(Schema):
    """One's own passkeys as a site's policy names approvers: compared in person, then signed."""

    site: str
    approvers: list[dict[str, str]]


def policy_view(policy: SitePolicy) -> dict[str, Any]:
    """Return a signed policy, action by action."""
    return {
        "serial": policy.serial,
        "issued_ms": policy.issued_ms,
        "timezone": policy.timezone,
        "rules": [
            {
                "action": action,
                "rule": policy.rules[action],
                "ticket": action in policy.ticket,
                "window": action in policy.window,
                "two_approvers": action in policy.two_approvers,
            }
            for action in SiteAction
        ],
        "weekly": [window.to_dict() for window in policy.weekly],
        "single": [window.to_dict() for window in policy.single],
        "approvers": [
            {
                "id": each.id,
                "name": each.name,
                "credential": each.credential,
                "words": passkey_words(each),
            }
            for each in policy.approvers
        ],
    }


def site_row(site: Organisation) -> dict[str, str]:
    """Return a site as a list shows it."""
    names = ("name", "country", "language", "timezone")
    return {"id": site.pk, **{name: getattr(site, name) for name in names}}


def window_view(window: SiteWindow) -> dict[str, Any]:
    """Return a window that was read with whoever set it."""
    return {
        "id": window.pk,
        "site": window.site_id,
        "device": window.device_id,
        "start_ms": window.start_ms,
        "end_ms": window.end_ms,
        "ticket": window.ticket,
        "note": window.note,
        "set_by": window.set_by.name,
        "closed_ms": window.closed_ms,
    }


def contact_view(contact: SiteContact) -> dict[str, Any]:
    """Return a contact."""
    names = ("name", "email", "language", "before", "during", "after")
    return {"id": contact.pk, **{name: getattr(contact, name) for name in names}}


def hook_view(hook: SiteHook) -> dict[str, Any]:
    """Return a webhook, never its secret."""
    return {"id": hook.pk, "url": hook.url, "created_ms": hook.created_ms}
