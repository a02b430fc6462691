"""The browsers in which people are signed in: seen on one's own page, and ended from there."""

from importlib import import_module

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from bedside.audit.entry import Thing, short
from bedside.console.accounts.models import BrowserSession, User
from bedside.console.accounts.queries import actor_of
from bedside.console.journal.actions import now_ms, record
from bedside.vocabulary import JournalAction

__all__ = ["browsers_of", "do_end_browsers", "do_forget_browser", "do_note_browser"]


def browsers_of(user: User) -> QuerySet[BrowserSession]:
    """Return the browsers whose sign-in has not reached its absolute end, newest first."""
    return user.browsers.filter(started_ms__gt=_oldest_ms()).order_by("-id")


def do_note_browser(user: User, key: str | None, address: str, program: str) -> None:
    """Remember that a person signed in with a browser; forget those whose time is over."""
    if not key:
        return
    with transaction.atomic():
        user.browsers.filter(started_ms__lte=_oldest_ms()).delete()
        BrowserSession.objects.filter(session_key=key).delete()
        BrowserSession.objects.create(
            person=user,
            session_key=key,
            address=address,
            program=short(program, 200),
            started_ms=now_ms(),
        )


def do_forget_browser(key: str | None) -> None:
    """Forget a browser that signed out."""
    BrowserSession.objects.filter(session_key=key or "").delete()


def do_end_browsers(browsers: QuerySet[BrowserSession], *, acting_user: User) -> int:
    """Sign these browsers out at once; return how many."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    with transaction.atomic():
        ended = list(browsers.select_for_update())
        for browser in ended:
            store(browser.session_key).delete()
            browser.delete()
            record(
                JournalAction.ACCOUNT_SESSION_ENDED,
                actor=actor_of(acting_user),
                thing=Thing("person", browser.person_id),
                detail={"address": browser.address, "user_agent": browser.program},
            )
    return len(ended)


def _oldest_ms() -> int:
    return now_ms() - settings.CONFIG.sign_in.absolute_hours * 3_600_000
