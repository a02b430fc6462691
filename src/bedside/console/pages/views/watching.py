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
from bedside.console.pages.views.people import for_people, stream
from bedside.console.pages.views.sessions import join_command, may_end
from bedside.console.pages.words import ACCESS_HELP, MODE_HELP
from bedside.console.records.queries import acts_of
from bedside.console.service_sessions.queries import access_session, who_is_in
from bedside.protocol.states import LIVE
from bedside.vocabulary import AccessKind, Mode, SessionState

__all__ = ["watch"]

_ACTS = 100


@require_safe
@for_people
def watch(request: HttpRequest, user: User, session_id: str) -> HttpResponse:
    """Show a session as it goes on: state, people, time left, and its acts, newest first."""
    found = access_session(user, session_id)
    acts = acts_of(user, found, limit=_ACTS)
    over = found.state == SessionState.ENDED
    context = {
        "session": found,
        "device": found.device,
        "zone": found.device.site.timezone,
        "access_name": ACCESS_HELP[AccessKind(found.access)][0],
        "mode_name": MODE_HELP[Mode(found.mode)][0],
        "over": over,
        "live": SessionState(found.state) in LIVE,
        "who": who_is_in(found),
        "host": found.host,
        "acts": shown_entries(acts.entries, brief=True),
        "more": acts.next_before is not None,
        "may_end": not over and may_end(user, found),
        "terminal": join_command(user, found) if user.site else "",
        "stream": stream(f"/live/sessions/{found.pk}/events"),
    }
    return render(request, "pages/watch.html", context)
