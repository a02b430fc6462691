"""REST: one's own tokens, and the browsers in which one is signed in.

A token is made on a page only, after confirming who one is; here it is seen and ended.
"""

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Query, Router, Schema, Status

from bedside.console.accounts.authorization import do_revoke_token
from bedside.console.accounts.bearer import oneself
from bedside.console.accounts.browsers import browsers_of, do_end_browsers
from bedside.console.accounts.program_tokens import access_token, tokens_of
from bedside.console.accounts.queries import scoped_permissions
from bedside.console.rest.bodies import Empty, PageQuery
from bedside.console.rest.cursors import page_after

router = Router(tags=["account"])


class OwnTokenAnswer(Schema):
    """A token that holds; `scope` null: whatever its person may do. `works` is what it may do now."""

    id: str
    name: str
    scope: list[str] | None
    works: list[str]
    created_ms: int
    expires_ms: int
    used_ms: int | None
    this: bool


class OwnTokensPage(Schema):
    """Some tokens, newest first; `next` is null at the end."""

    items: list[OwnTokenAnswer]
    next: str | None


class BrowserAnswer(Schema):
    """A browser in which one is signed in."""

    id: str
    address: str
    program: str
    started_ms: int


class BrowsersPage(Schema):
    """Some browsers, newest first; `next` is null at the end."""

    items: list[BrowserAnswer]
    next: str | None


class EndedAnswer(Schema):
    """How many were signed out."""

    ended: int


@router.get("/tokens", response=OwnTokensPage, operation_id="listTokens")
def list_tokens(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    """Return one's own tokens that hold; never their secrets."""
    user = oneself(request)
    may = scoped_permissions(user)
    page = page_after(tokens_of(user), query.cursor, limit=query.limit, newest_first=True)
    asking = request.bedside_token.pk  # type: ignore[attr-defined]
    items = [
        {
            "id": token.pk,
            "name": token.client,
            "scope": token.scope,
            "works": sorted(may if token.scope is None else may & set(token.scope)),
            "created_ms": token.created_ms,
            "expires_ms": token.expires_ms,
            "used_ms": token.used_ms or None,
            "this": token.pk == asking,
        }
        for token in page.rows
    ]
    return {"items": items, "next": page.next}


@router.post("/tokens/{token_id}/revoke", response={204: None}, operation_id="revokeOwnToken")
def revoke_own_token(request: HttpRequest, body: Empty, token_id: str) -> Status[None]:
    """End a token of one's own."""
    del body
    user = oneself(request)
    do_revoke_token(access_token(user, token_id), acting_user=user)
    return Status(204, None)


@router.get("/browsers", response=BrowsersPage, operation_id="listBrowsers")
def list_browsers(request: HttpRequest, query: Query[PageQuery]) -> dict[str, Any]:
    """Return the browsers in which one is signed in."""
    found = browsers_of(oneself(request))
    page = page_after(found, query.cursor, limit=query.limit, newest_first=True)
    names = ("id", "address", "program", "started_ms")
    items = [{name: getattr(row, name) for name in names} for row in page.rows]
    return {"items": items, "next": page.next}


@router.post("/browsers/end", response=EndedAnswer, operation_id="endBrowsers")
def end_browsers(request: HttpRequest, body: Empty) -> dict[str, int]:
    """Sign every browser of one's own out."""
    del body
    user = oneself(request)
    return {"ended": do_end_browsers(browsers_of(user), acting_user=user)}


@router.post("/browsers/{browser_id}/end", response=EndedAnswer, operation_id="endBrowser")
def end_browser(request: HttpRequest, body: Empty, browser_id: str) -> dict[str, int]:
    """Sign one browser of one's own out."""
    del body
    user = oneself(request)
    found = browsers_of(user).filter(pk=browser_id)
    if not found.exists():
        raise Http404
    return {"ended": do_end_browsers(found, acting_user=user)}
