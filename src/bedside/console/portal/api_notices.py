"""REST: what was told, and what could not be: dead letters that somebody sends again."""

from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Query, Router, Schema, Status

from bedside.console.accounts.bearer import caller
from bedside.console.accounts.queries import actor_of, check_permission
from bedside.console.notices.actions import do_try_again
from bedside.console.notices.models import Notice
from bedside.console.notices.queries import notices_of
from bedside.console.rest.bodies import Empty, PageQuery
from bedside.console.rest.cursors import page_after
from bedside.vocabulary import Permission

router = Router(tags=["notices"])

_STATES = Literal["waiting", "sent", "dead"]


class NoticesQuery(PageQuery):
    """How far they are."""

    state: _STATES | None = None


class NoticeAnswer(Schema):
    """A notice as far as it may be read: never its text, which may let somebody in."""

    id: str
    channel: Literal["mail", "webhook"]
    organisation: str
    address: str
    event: str
    state: _STATES
    tries: int
    next_ms: int | None
    error: str
    created_ms: int
    done_ms: int | None


class NoticesPage(Schema):
    """Some notices, newest first; `next` is null at the end."""

    items: list[NoticeAnswer]
    next: str | None


@router.get("/notices", response=NoticesPage, operation_id="listNotices")
def list_notices(request: HttpRequest, query: Query[NoticesQuery]) -> dict[str, Any]:
    """Return what was told and what waits; `state=dead` are those that were given up."""
    user = caller(request)
    check_permission(user, Permission.NOTICES_NOTICE_READ)
    found = notices_of(user.site, state=query.state or "")
    page = page_after(found, query.cursor, limit=query.limit, newest_first=True)
    return {"items": [_view(notice) for notice in page.rows], "next": page.next}


@router.post("/notices/{notice_id}/again", response={204: None}, operation_id="sendAgain")
def send_again(request: HttpRequest, body: Empty, notice_id: str) -> Status[None]:
    """Try a notice again that was given up; one that was not stays as it is."""
    del body
    user = caller(request)
    notice = notices_of(user.site).filter(pk=notice_id).first()
    if notice is None:
        raise Http404
    check_permission(user, Permission.NOTICES_NOTICE_READ)
    do_try_again(notice, actor=actor_of(user))
    return Status(204, None)


def _view(notice: Notice) -> dict[str, Any]:
    waiting = notice.state == Notice.State.WAITING
    names = ("channel", "organisation", "address", "event", "state", "tries", "error")
    return {
        "id": notice.pk,
        **{name: getattr(notice, name) for name in names},
        "next_ms": notice.next_ms if waiting else None,
        "created_ms": notice.created_ms,
        "done_ms": notice.done_ms,
    }
