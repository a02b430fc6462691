"""Every change to sessions; each is one transaction with its journal entry."""

from bedside.console.service_sessions.actions.approvals import (
    NotAskedError,
    Question,
    do_approve,
    do_refuse,
    do_void_approvals,
    question_of,
)
from bedside.console.service_sessions.actions.closing import (
    do_clear_lock,
    do_close_window,
    do_end_due_sessions,
    do_end_session,
    do_end_sessions_at_lost_relay,
    do_end_sessions_of_lost_devices,
    do_mark_cloned,
    do_revoke_device,
    do_set_lock,
)
from bedside.console.service_sessions.actions.credentials import (
    Connection,
    NotConnectableError,
    do_issue_connection,
)
from bedside.console.service_sessions.actions.glass import (
    do_break_glass,
    do_end_due_glass,
    do_end_glass,
)
from bedside.console.service_sessions.actions.news import (
    do_apply_device_entry,
    do_apply_tunnel_event,
    do_note_delivered,
    do_note_moved,
)
from bedside.console.service_sessions.actions.request import do_request_session
from bedside.console.service_sessions.actions.standing import do_end_unfounded_sessions

__all__ = [
    "Connection",
    "NotAskedError",
    "NotConnectableError",
    "Question",
    "do_apply_device_entry",
    "do_apply_tunnel_event",
    "do_approve",
    "do_break_glass",
    "do_clear_lock",
    "do_close_window",
    "do_end_due_glass",
    "do_end_due_sessions",
    "do_end_glass",
    "do_end_session",
    "do_end_sessions_at_lost_relay",
    "do_end_sessions_of_lost_devices",
    "do_end_unfounded_sessions",
    "do_issue_connection",
    "do_mark_cloned",
    "do_note_delivered",
    "do_note_moved",
    "do_refuse",
    "do_request_session",
    "do_revoke_device",
    "do_set_lock",
    "do_void_approvals",
    "question_of",
]
