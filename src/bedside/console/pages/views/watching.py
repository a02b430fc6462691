"""Watching a session while it is live: who is in, how long is left, every act as it happens (R18).

1. What is told is what the device writes into its own journal, as it writes it: names, sizes and
   digests, commands and refusals. What stands on the device's screen is not in it and never here.
2. The page follows by the session's stream, and asks by itself where the stream is lost.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from bedside.console.accounts.models import User
from bedside.console.pages.shown import shown_entries
from bedside.console.pages.views.people import for_people
from bedside.console.pages.views.sessions import join_command, shown_session
from bedside.console.records.queries import acts_of
from bedside.console.service_sessions.queries import access_session, who_is_in

__all__ = ["watch"]

_ACTS = 100


@require_safe
@for_people
def watch(request: HttpRequest, user: User, session_id: str) -> HttpResponse:
    """Show a session as it goes on: state, people, time left, and its acts, newest first."""
    found = access_session(user, session_id)
    acts = acts_of(user, found, limit=_ACTS)
    context = {
        **shown_session(user, found),
        "who": who_is_in(found),
        "acts": shown_entries(acts.entries, brief=True),
        "more": acts.next_before is not None,
        "terminal": join_command(user, found) if user.site else "",
    }
    return render(request, "pages/watch.html", context)
