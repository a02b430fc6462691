"""A notice in words: what it told of, and why it was not taken, in the reader's language.

What is kept is what goes over the wire: the name of an event, a short English word of the failure.
"""

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

__all__ = ["event_text", "failure_text"]

_EVENTS = {
    "glass.broken": gettext_lazy("The glass was broken"),
    "glass.ended": gettext_lazy("The open glass has ended"),
    "session.asked": gettext_lazy("Somebody asks for access"),
    "session.awaiting_site": gettext_lazy("The site is asked to approve"),
    "session.control.asked": gettext_lazy("Somebody asks to be handed control"),
    "session.control.over": gettext_lazy("Control was given back"),
    "session.control.passed": gettext_lazy("Control was handed over"),
    "session.ended": gettext_lazy("A session has ended"),
    "session.joining": gettext_lazy("Somebody asks to join a session"),
    "session.live": gettext_lazy("Somebody is connected"),
}
_FAILURES = (
    (r"answered (\d+)", gettext_lazy("the other side answered %s")),
    (r"recipient refused \((\d+)\)", gettext_lazy("the mail server does not know the address (%s)")),
    (r"refused \((\d+)\)", gettext_lazy("the mail server refused it (%s)")),
    ("no mail server is configured", gettext_lazy("no mail server is configured")),
    (r".* not public", gettext_lazy("the address is not one of the internet")),
    (r"not an https URL|a URL with .*|no such port", gettext_lazy("this is not the URL of a webhook")),
    (r"the secret .*", gettext_lazy("the secret cannot be used: make a new one")),
    (r"(\w*(?:Timeout|timeout)\w*)", gettext_lazy("the other side did not answer in time (%s)")),
    (r"(\w+)", gettext_lazy("the other side could not be reached (%s)")),
)  # fmt: skip


def event_text(name: str) -> str:
    """Return what an event is; its own name where there are no words for it."""
    return str(_EVENTS.get(name, name))


def failure_text(error: str) -> str:
    """Return why a notice was not taken."""
    for pattern, words in _FAILURES:
        if match := re.fullmatch(pattern, error):
            return str(words) % match.groups() if match.groups() else str(words)
    return _("it could not be read") if error else ""
